import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeCursor, encodeCursor } from '../../../../../../services/server/store/cursor.js'
import { openSqliteStore } from '../../../../../../services/server/store/sqlite/store.js'
import { BadCursorError } from '../../../../../../services/server/store/store.js'
import { converse, gists, readAll, register } from '../../../../../support/store-world.js'

const sequences = fc.maxSafeNat()

describe('a cursor', () => {
  test('is read as it was written, and orders as its bytes do', () => {
    fc.assert(
      fc.property(sequences, sequences, (one, other) => {
        expect(decodeCursor(encodeCursor(one))).toBe(one)
        expect(Buffer.compare(encodeCursor(one), encodeCursor(other))).toBe(Math.sign(one - other))
      }),
    )
  })

  test('any other bytes are a BadCursorError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), bytes => {
        try {
          const sequence = decodeCursor(bytes)
          expect(bytes.length === 0 ? sequence === 0 : encodeCursor(sequence)).toEqual(
            bytes.length === 0 || bytes,
          )
        } catch (error) {
          expect(error).toBeInstanceOf(BadCursorError)
        }
      }),
    )
    expect(() => decodeCursor(new Uint8Array(8).fill(0xff))).toThrow(BadCursorError)
    expect(() => decodeCursor(new Uint8Array(7))).toThrow(BadCursorError)
  })

  test('from before the disk was restored hides nothing that is stored afterwards', async () => {
    const folders = await Promise.all([1, 2].map(() => mkdtemp(join(tmpdir(), 'parley-cursor-'))))
    const start = Date.now()
    const open = (index: number, now: number) => openSqliteStore({ folder: folders[index]!, now: () => now })
    const lost = await open(0, start)
    const [alice, bob] = [await register(lost, 'alice'), await register(lost, 'bob')]
    for (let count = 0; count < 50; count += 1) await converse(lost, alice, bob)
    const { cursor } = await readAll(lost, bob)
    await lost.close()
    // The other folder stands for a copy from before all that.
    const restored = await open(1, start + 1_000)
    const again = [await register(restored, 'alice'), await register(restored, 'bob')] as const
    await converse(restored, ...again)
    expect(await gists(restored, bob, cursor)).toEqual(['welcome'])
    await restored.close()
    await Promise.all(folders.map(folder => rm(folder, { recursive: true })))
  })

  test('from the future is taken for the end of the log, and a bad one is refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'parley-cursor-'))
    const store = await openSqliteStore({ folder })
    const [alice, bob] = [await register(store, 'alice'), await register(store, 'bob')]
    await converse(store, alice, bob)
    const { envelopes, cursor } = await readAll(store, bob, encodeCursor(Number.MAX_SAFE_INTEGER))
    expect(envelopes).toEqual([])
    await store.log.acknowledge(alice.id, encodeCursor(Number.MAX_SAFE_INTEGER))
    await store.log.acknowledge(bob.id, encodeCursor(Number.MAX_SAFE_INTEGER))
    await converse(store, alice, bob)
    expect(await store.log.expire(0)).toBe(1)
    expect(await gists(store, bob, cursor)).toEqual(['welcome'])
    const bad = new Uint8Array(3)
    await expect(store.log.acknowledge(bob.id, bad)).rejects.toBeInstanceOf(BadCursorError)
    await expect(readAll(store, bob, bad)).rejects.toBeInstanceOf(BadCursorError)
    await store.close()
    await rm(folder, { recursive: true })
  })
})
