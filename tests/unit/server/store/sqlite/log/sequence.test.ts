import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { openSqliteStore } from '../../../../../../services/server/store/sqlite/store.js'
import { converse, gists, readAll, register } from '../../../../../support/store-world.js'

describe('a place', () => {
  test('from before the disk was restored hides nothing that is stored afterwards', async () => {
    const folders = await Promise.all([1, 2].map(() => mkdtemp(join(tmpdir(), 'parley-place-'))))
    const start = Date.now()
    const open = (index: number, now: number) => openSqliteStore({ folder: folders[index]!, now: () => now })
    const lost = await open(0, start)
    const [alice, bob] = [await register(lost, 'alice'), await register(lost, 'bob')]
    for (let count = 0; count < 50; count += 1) await converse(lost, alice, bob)
    const { place } = await readAll(lost, bob)
    await lost.close()
    // The other folder stands for a copy from before all that.
    const restored = await open(1, start + 1_000)
    const again = [await register(restored, 'alice'), await register(restored, 'bob')] as const
    await converse(restored, ...again)
    expect(await gists(restored, bob, place)).toEqual(['welcome'])
    await restored.close()
    await Promise.all(folders.map(folder => rm(folder, { recursive: true })))
  })
})
