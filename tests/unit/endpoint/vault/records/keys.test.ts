import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compareKeys, isWithin, SortedKeys } from '../../../../../services/endpoint/vault/records/keys.js'
import type { Range } from '../../../../../services/endpoint/vault/vault.js'

const id = fc.bigInt(-4n, 4n)
const key = fc.record({ group: fc.bigInt(-2n, 2n), id })
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const range = fc
  .record({
    group: maybe(fc.bigInt(-2n, 2n)),
    after: maybe(id),
    before: maybe(id),
    limit: maybe(fc.nat(5)),
    reverse: fc.boolean(),
  })
  .map(
    ({ group, after, before, limit, reverse }): Range => ({
      reverse,
      ...(limit === undefined ? {} : { limit }),
      ...(group === undefined
        ? {}
        : { group, ...(after === undefined ? {} : { after }), ...(before === undefined ? {} : { before }) }),
    }),
  )

describe('sorted keys', () => {
  test('are in order, each once, and without those that were deleted', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ key, isAdded: fc.boolean() })), range, (steps, within) => {
        const sorted = new SortedKeys()
        const model = new Map<string, { group: bigint; id: bigint }>()
        for (const { key, isAdded } of steps) {
          if (isAdded) {
            sorted.add(key)
            model.set(`${key.group}/${key.id}`, key)
          } else {
            sorted.delete(key)
            model.delete(`${key.group}/${key.id}`)
          }
        }
        const expected = [...model.values()].filter(one => isWithin(one, within)).sort(compareKeys)
        if (within.reverse) expected.reverse()
        expect([...sorted.within(within)]).toEqual(expected.slice(0, within.limit))
      }),
    )
  })

  test('can change while they are gone through', () => {
    const sorted = new SortedKeys([1n, 2n, 3n].map(id => ({ group: 0n, id })))
    const seen: bigint[] = []
    for (const key of sorted.within({})) {
      sorted.delete(key)
      seen.push(key.id)
    }
    expect(seen).toEqual([1n, 2n, 3n])
    expect([...sorted.within({})]).toEqual([])
  })
})
