// The conversations in which something was said lately.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { Recents } from '../../../../services/endpoint/history/recents.js'
import { conversationNumber } from '../../../../services/endpoint/ids.js'
import { Records } from '../../../../services/endpoint/vault/records.js'
import { FakeClock } from '../../../support/memory/clock.js'
import { MemoryDisk } from '../../../support/memory/vault.js'

const TEN_MINUTES_MS = 600_000

let clock: FakeClock
let records: Records
beforeEach(() => {
  clock = new FakeClock(1_000_000)
  records = new Records(new MemoryDisk().open(), () => undefined)
})

const use = (...conversations: bigint[]) =>
  records.transaction(tx => {
    for (const conversation of conversations) {
      clock.pass(1)
      new Recents(tx, clock).use(tx, conversationNumber(conversation))
    }
  })
const all = () => new Recents(records, clock).all()

describe('recent conversations', () => {
  test('stand in the order of their use, the last one first', async () => {
    await use(1n, 2n, 3n)
    expect(all()).toEqual([3n, 2n, 1n])
    clock.pass(TEN_MINUTES_MS)
    await use(1n)
    expect(all()).toEqual([1n, 3n, 2n])
  })

  test('are not noted again for a while', async () => {
    await use(1n, 2n)
    clock.pass(TEN_MINUTES_MS - 3)
    await use(1n)
    expect(all()).toEqual([2n, 1n])
    await use(1n)
    expect(all()).toEqual([1n, 2n])
  })

  test('are so many at most: the one used longest ago goes', async () => {
    const many = Array.from({ length: 64 }, (_, index) => BigInt(index + 1))
    await use(...many)
    expect(all()).toHaveLength(64)
    await use(100n)
    expect(all()).toEqual([100n, ...many.slice(1).reverse()])
  })
})
