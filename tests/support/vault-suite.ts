// The promises that every vault has to keep, of services/endpoint/vault/vault.ts.

import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type RowChange, TABLES, type Vault } from '../../services/endpoint/vault/vault.js'

/** Where one vault is kept. */
interface VaultPlace {
  open(maxBytes?: number): Promise<Vault>
}

/** Runs `use` with a new place, and removes it afterwards. */
type WithPlace = <T>(use: (place: VaultPlace) => Promise<T>) => Promise<T>

const bytes = (text: string) => new Uint8Array(Buffer.from(text))
const text = (value: Uint8Array | undefined) => value && Buffer.from(value).toString()
const message = (group: bigint, id: bigint): RowChange => ({
  put: 'messages',
  key: { group, id },
  value: bytes(`${group}/${id}`),
})

function listed(vault: Vault, range?: Parameters<Vault['list']>[1]): (string | undefined)[] {
  return [...vault.list('messages', range)].map(row => text(row.value))
}

export function vaultSuite(withPlace: WithPlace): void {
  /** Runs `use` with a new vault. */
  const withVault = <T>(use: (vault: Vault) => Promise<T> | T, maxBytes = 2 ** 30): Promise<T> =>
    withPlace(async place => {
      const vault = await place.open(maxBytes)
      try {
        return await use(vault)
      } finally {
        vault.close()
      }
    })

  describe('a vault', () => {
    test('gives back what was written, also after it was closed', async () => {
      await withPlace(async place => {
        const vault = await place.open()
        const key = { group: -5n, id: 2n ** 62n }
        vault.write(TABLES.map(table => ({ put: table, key, value: bytes(table) })))
        vault.write([{ put: 'meta', key, value: bytes('again') }])
        vault.close()
        const again = await place.open()
        expect(text(again.get('meta', key))).toBe('again')
        expect(text(again.get('senders', key))).toBe('senders')
        expect(again.get('senders', { group: -5n, id: 1n })).toBeUndefined()
        again.close()
      })
    })

    test('keeps empty and large values, and its own copy of them', () =>
      withVault(vault => {
        const large = new Uint8Array(5 << 20).fill(1)
        vault.write([
          { put: 'groups', key: { group: 0n, id: 1n }, value: large },
          { put: 'groups', key: { group: 0n, id: 2n }, value: new Uint8Array(0) },
        ])
        large.fill(2)
        const read = vault.get('groups', { group: 0n, id: 1n })!
        expect(Buffer.compare(read, new Uint8Array(5 << 20).fill(1))).toBe(0)
        expect(vault.get('groups', { group: 0n, id: 2n })).toEqual(new Uint8Array(0))
      }))

    test('behaves as a sorted map does, whatever is written and listed', () =>
      withVault(vault => {
        const id = fc.bigInt({ min: -3n, max: 3n })
        const change = fc.oneof(
          { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), group: id, id }) },
          { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), group: id, id }) },
          { weight: 1, arbitrary: fc.record({ do: fc.constant('deleteGroup' as const), group: id, id }) },
        )
        const options = { group: id, after: id, before: id, limit: fc.nat(5), reverse: fc.boolean() }
        const range = fc.record(options, { requiredKeys: ['group'] })
        const model = new Map<string, { group: bigint; id: bigint }>()
        fc.assert(
          fc.property(fc.array(change, { maxLength: 5 }), range, (changes, asked) => {
            vault.write(
              changes.map(one => {
                const key = { group: one.group, id: one.id }
                if (one.do === 'put') return message(one.group, one.id)
                return one.do === 'delete'
                  ? { delete: 'messages', key }
                  : { deleteGroup: 'messages', group: one.group }
              }),
            )
            for (const one of changes) {
              if (one.do === 'put') model.set(`${one.group}/${one.id}`, one)
              else if (one.do === 'delete') model.delete(`${one.group}/${one.id}`)
              else for (const [name, key] of model) if (key.group === one.group) model.delete(name)
            }
            const expected = [...model.values()]
              .filter(
                key =>
                  key.group === asked.group &&
                  key.id > (asked.after ?? -99n) &&
                  key.id < (asked.before ?? 99n),
              )
              .sort((a, b) => Number(a.id - b.id) * (asked.reverse ? -1 : 1))
              .slice(0, asked.limit ?? 99)
            expect(listed(vault, asked)).toEqual(expected.map(key => `${key.group}/${key.id}`))
            expect(listed(vault)).toHaveLength(model.size)
          }),
          { numRuns: 150 },
        )
      }))

    test('lists more rows than it reads at once, in both directions and over groups', () =>
      withVault(vault => {
        const changes = Array.from({ length: 1000 }, (_, at) => message(BigInt(at % 3), BigInt(at)))
        vault.write(changes)
        const sorted = [0, 1, 2].flatMap(group =>
          Array.from({ length: 1000 }, (_, at) => at)
            .filter(at => at % 3 === group)
            .map(at => `${group}/${at}`),
        )
        expect(listed(vault)).toEqual(sorted)
        expect(listed(vault, { reverse: true })).toEqual(sorted.toReversed())
        expect(listed(vault, { limit: 300 })).toEqual(sorted.slice(0, 300))
        expect(listed(vault, { group: 1n, limit: 257 })).toEqual(sorted.slice(334, 334 + 257))
      }))

    test('may be written while it is listed', () =>
      withVault(vault => {
        vault.write([message(0n, 1n), message(0n, 2n), message(0n, 3n)])
        const seen = []
        for (const row of vault.list('messages')) {
          seen.push(row.key.id)
          vault.write([
            { delete: 'messages', key: { group: 0n, id: row.key.id + 1n } },
            message(1n, row.key.id),
          ])
          expect(listed(vault, { group: 1n })).toContain(`1/${row.key.id}`)
        }
        expect(seen).toEqual([1n, 3n])
      }))

    test('makes all changes of a write or none', () =>
      withVault(vault => {
        vault.write([message(0n, 1n)])
        const impossible = { put: 'messages', key: { group: 0n, id: 3n }, value: 7 } as unknown as RowChange
        expect(() =>
          vault.write([message(0n, 2n), { deleteGroup: 'messages', group: 0n }, impossible]),
        ).toThrow()
        expect(listed(vault)).toEqual(['0/1'])
        expect(() => vault.write([message(0n, 2n), message(0n, 2n ** 63n)])).toThrow(RangeError)
        expect(listed(vault)).toEqual(['0/1'])
        vault.write([message(0n, 4n)])
        expect(listed(vault)).toEqual(['0/1', '0/4'])
      }))

    test('that is full says so, changes nothing and takes more when there is room', () =>
      withVault(vault => {
        const put = (id: number): RowChange => ({
          put: 'messages',
          key: { group: 0n, id: BigInt(id) },
          value: new Uint8Array(20_000),
        })
        let written = 0
        const fill = () => {
          for (;;) {
            vault.write([
              message(1n, 1n),
              put(written),
              { put: 'meta', key: { group: 0n, id: 0n }, value: bytes(`${written}`) },
            ])
            written += 1
          }
        }
        expect(fill).toThrow(expect.objectContaining({ reason: 'full' }))
        expect(written).toBeGreaterThan(10)
        expect([...vault.list('messages', { group: 0n })]).toHaveLength(written)
        expect(text(vault.get('meta', { group: 0n, id: 0n }))).toBe(`${written - 1}`)
        vault.write([{ deleteGroup: 'messages', group: 0n }])
        vault.write([put(0)])
        expect([...vault.list('messages', { group: 0n })]).toHaveLength(1)
      }, 1 << 20))

    test('has nothing under a number that it can have no key for', () =>
      withVault(vault => {
        for (const id of [2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n), -(2n ** 64n)]) {
          expect(vault.get('messages', { group: 0n, id })).toBeUndefined()
          expect(vault.get('messages', { group: id, id: 0n })).toBeUndefined()
        }
      }))

    test('refuses ids without a group', () =>
      withVault(vault => {
        expect(() => [...vault.list('messages', { after: 1n })]).toThrow(RangeError)
      }))

    test('is opened once at a time, and is of no use when it is closed', () =>
      withPlace(async place => {
        const vault = await place.open()
        await expect(place.open()).rejects.toMatchObject({ reason: 'in-use' })
        vault.close()
        vault.close()
        expect(() => vault.write([message(0n, 1n)])).toThrow()
        expect(() => vault.get('messages', { group: 0n, id: 1n })).toThrow()
        ;(await place.open()).close()
      }))
  })
}
