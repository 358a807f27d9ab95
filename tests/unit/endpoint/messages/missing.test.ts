import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Sender } from '../../../../services/endpoint/groups/state/groups.js'
import { countOf } from '../../../../services/endpoint/ids.js'
import {
  MISSING_COUNTS,
  owedUpTo,
  skipped,
  withMissing,
  withoutMissing,
} from '../../../../services/endpoint/messages/missing.js'
import { recordOf } from '../../../../services/endpoint/vault/records.js'

const senderMissing = (...missing: bigint[]): Sender =>
  recordOf('senders', { received: countOf(9n), missing: missing.map(countOf) })

describe('what is missing of a device', () => {
  test('is every count that was skipped', () => {
    expect(skipped(3n, 6n)).toEqual([3n, 4n, 5n, 6n])
    expect(skipped(3n, 3n)).toEqual([3n])
    expect(skipped(4n, 3n)).toEqual([])
  })

  test('is as much of it as is remembered, the newest', () => {
    const most = BigInt(MISSING_COUNTS)
    expect(skipped(1n, most)).toHaveLength(MISSING_COUNTS)
    expect(skipped(1n, most)[0]).toBe(1n)
    const newest = skipped(1n, most + 1n)
    expect([newest[0], newest.at(-1), newest.length]).toEqual([2n, most + 1n, MISSING_COUNTS])
    // No more is made for a member, whatever count it claims to have come to.
    expect(skipped(1n, 2n ** 64n - 1n)).toHaveLength(MISSING_COUNTS)
  })

  test('grows with what is skipped later, and changes nothing else', () => {
    const before = senderMissing(1n, 2n)
    const after = withMissing(before, [countOf(7n)])
    expect(after).toEqual({ ...before, missing: [1n, 2n, 7n] })
    expect(before.missing).toEqual([1n, 2n])
    const full = withMissing(before, skipped(10n, 9n + BigInt(MISSING_COUNTS)))
    expect(full.missing).toEqual(skipped(10n, 9n + BigInt(MISSING_COUNTS)))
    expect(withMissing(full, [countOf(1_000n)]).missing).toEqual([...full.missing.slice(1), 1_000n])
  })

  test('is less by what was said again, or never will be', () => {
    const before = senderMissing(1n, 2n, 5n)
    expect(withoutMissing(before, [countOf(2n)])).toEqual({ ...before, missing: [1n, 5n] })
    expect(withoutMissing(before, [countOf(1n), countOf(5n), countOf(9n)]).missing).toEqual([2n])
    expect(withoutMissing(before, []).missing).toEqual([1n, 2n, 5n])
  })
})

describe('a receipt', () => {
  test.each<[bigint[], bigint, bigint]>([
    [[], 7n, 7n],
    [[8n], 7n, 7n],
    [[7n], 7n, 6n],
    [[3n, 5n], 7n, 2n],
    [[1n], 7n, 0n],
  ])('stops before what is missing: of %j, up to %d, it is for %d', (missing, count, owed) => {
    expect(owedUpTo(senderMissing(...missing), countOf(count))).toBe(owed)
  })

  test('covers nothing that is missing, whatever that is', () => {
    const counts = fc
      .uniqueArray(fc.bigInt({ min: 1n, max: 50n }))
      .map(all => all.sort((a, b) => (a < b ? -1 : 1)))
    fc.assert(
      fc.property(counts, fc.bigInt({ min: 1n, max: 50n }), (missing, count) => {
        const owed = owedUpTo(senderMissing(...missing), countOf(count))
        expect(missing.every(each => each > owed)).toBe(true)
        expect(owed === count || missing.includes(owed + 1n)).toBe(true)
      }),
    )
  })
})
