// Contents that wait for fresh keys.

import { beforeEach, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import { encodeContent } from '../../../../../services/endpoint/messages/sealing/format.js'
import {
  dropHeld,
  HELD_CONTENTS,
  hold,
  holdingGroups,
  isHolding,
  takeHeld,
} from '../../../../../services/endpoint/messages/sealing/held.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { TestGroup } from '../../../../support/group.js'

let testing: TestContext
let group: TestGroup
let other: TestGroup
beforeEach(async () => {
  testing = await openTestContext(makeAccount('alice'))
  group = await TestGroup.of(testing, { others: [makeAccount('bob')] })
  other = await TestGroup.of(testing, { others: [makeAccount('carol')] })
})

const keep = (of: TestGroup, sentAtMs: bigint) =>
  testing.written(tx => hold(tx, of, encodeContent({ sentAtMs })))
const holding = () => holdingGroups(testing.context.records)
const take = (of: TestGroup) => testing.written(tx => takeHeld(tx, of)?.sentAtMs)

test('they are held group by group, and come out in their order, each once', async () => {
  expect([holding(), await take(group)]).toEqual([[], undefined])
  for (const time of [1n, 2n, 3n]) await keep(group, time)
  await keep(other, 4n)
  expect(holding()).toEqual([group.number, other.number])
  expect([await take(group), await take(group), await take(other)]).toEqual([1n, 2n, 4n])
  await keep(group, 5n)
  expect([await take(group), await take(group), await take(group)]).toEqual([3n, 5n, undefined])
  expect([isHolding(testing.context.records, group), holding()]).toEqual([false, []])
})

test('of a group so many are held and no more, and all go at once', async () => {
  for (let time = 1n; time <= HELD_CONTENTS + 1; time++) await keep(group, time)
  await keep(other, 0n)
  expect(testing.context.records.keys('held', { group: group.number })).toHaveLength(HELD_CONTENTS)
  expect(isHolding(testing.context.records, group)).toBe(true)
  await testing.written(tx => dropHeld(tx, group.number))
  expect([isHolding(testing.context.records, group), holding()]).toEqual([false, [other.number]])
})
