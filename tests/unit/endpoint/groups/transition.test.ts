// Something has happened in a group: what it keeps for the phase that is over goes, the rest is for those above.

import { beforeEach, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import { intend, removeAccount } from '../../../../services/endpoint/groups/intents.js'
import type { GroupInput } from '../../../../services/endpoint/groups/state/transitions.js'
import { beginCommit, transition } from '../../../../services/endpoint/groups/transition.js'
import { accountKey } from '../../../../services/protocol/keys.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { TestGroup } from '../../../support/group.js'

let testing: TestContext
let group: TestGroup
beforeEach(async () => {
  testing = await openTestContext(makeAccount('alice'))
  group = await TestGroup.of(testing, { others: [makeAccount('bob')] })
})

const happens = (input: GroupInput) =>
  testing.written((tx, unit) => transition(unit.context, tx, group.in(unit), input))
const begin = () =>
  testing.written((tx, unit) =>
    beginCommit(unit.context, tx, group.in(unit), { state: Uint8Array.of(1), held: undefined }),
  )

test('a commit that is made keeps the state after it, until it is decided on', async () => {
  await begin()
  expect([group.live.phase.name, group.live.pending]).toEqual(['committing', Uint8Array.of(1)])
  expect(await happens({ input: 'commit-dropped' })).toEqual(['withdraw-commit'])
  expect([group.live.phase.name, group.live.pending]).toEqual(['active', undefined])
})

test('what this device was to commit goes with the group', async () => {
  await begin()
  await testing.written((tx, unit) => {
    intend(unit.context, tx, group.in(unit), removeAccount(accountKey(new Uint8Array(32).fill(1))))
  })
  expect(await happens({ input: 'removed' })).toEqual(['fail-texts', 'tell-removed'])
  expect([group.live.phase.name, group.live.pending]).toEqual(['ended', undefined])
  expect(testing.context.intents.of(group)).toEqual([])
})

test('what nobody expects leaves all as it is', async () => {
  await begin()
  expect(await happens({ input: 'leave-sealed' })).toEqual([])
  expect([group.live.phase.name, group.live.pending]).toEqual(['committing', Uint8Array.of(1)])
})
