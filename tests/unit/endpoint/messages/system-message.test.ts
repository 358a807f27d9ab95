// Lines of the history that nobody wrote.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import type { GroupPhase } from '../../../../services/endpoint/groups/state/group.js'
import { sequenceOf } from '../../../../services/endpoint/ids.js'
import {
  appendSystemMessage,
  appendUnreadable,
} from '../../../../services/endpoint/messages/system-message.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { TestGroup } from '../../../support/group.js'

const PLACE = { sequence: sequenceOf(9n), storedAtMs: 77n }

const bob = makeAccount('bob')

let testing: TestContext
let group: TestGroup
beforeEach(async () => {
  testing = await openTestContext(makeAccount('alice'))
  group = await TestGroup.of(testing, { others: [bob] })
})

const history = () => testing.context.conversations.history(group.conversation)
const showing = (why: Parameters<typeof appendUnreadable>[4]) =>
  testing.written((tx, unit) => appendUnreadable(unit.context, tx, group.in(unit), PLACE, why))

describe('what happened', () => {
  test('is a line at its place in the order, at the server’s time', async () => {
    await testing.written((tx, unit) =>
      appendSystemMessage(unit.context, tx, group.in(unit), PLACE, { code: 'you-left' }),
    )
    expect(history()).toMatchObject([
      { kind: 'event', system: { code: 'you-left' }, sequence: 9n, sentAt: new Date(77), own: false },
    ])
    expect(testing.told).toMatchObject([{ type: 'message' }])
  })
})

describe('what cannot be read', () => {
  test('is a line that says why, and whose it is where that is known', async () => {
    await showing({ code: 'old-epoch' })
    await showing({ code: 'bad-content', from: bob.account.publicKey })
    expect(history()).toMatchObject([
      { kind: 'unreadable', from: '', cause: { code: 'old-epoch' }, sequence: 9n },
      { kind: 'unreadable', from: 'bob', cause: { code: 'bad-content', from: 'bob' } },
    ])
  })

  test('because it is missing is a gap', async () => {
    await showing({ code: 'gap', from: bob.account.publicKey, count: 2n })
    await showing({ code: 'expired', count: 3n })
    await showing({ code: 'forked', from: bob.account.publicKey })
    expect(history().map(({ kind }) => kind)).toEqual(['gap', 'gap', 'gap'])
  })

  test('of somebody who is blocked is not shown', async () => {
    await testing.written((tx, { context }) => context.contacts.block(tx, bob.account.publicKey, true))
    await showing({ code: 'old-epoch' })
    expect(history()).toEqual([])
  })

  test.each<GroupPhase>([
    { name: 'leaving', leaveDue: true, commitOut: false },
    { name: 'out-of-sync', askDue: false, leaveDue: true },
    { name: 'ended', why: 'left' },
  ])('is not shown in a group that this account has left: $name', async phase => {
    await group.enter(phase)
    await showing({ code: 'old-epoch' })
    expect(history()).toEqual([])
  })

  test('is shown in a room of somebody who is blocked', async () => {
    group = await TestGroup.of(testing, { others: [bob], room: {} })
    await testing.written((tx, { context }) => context.contacts.block(tx, bob.account.publicKey, true))
    await showing({ code: 'old-epoch' })
    expect(history()).toHaveLength(1)
  })
})
