// An account leaves a room, by a statement that anybody may commit.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  type SignedLeaveStatement,
  SignedLeaveStatementSchema,
} from '../../../../../gen/parley/content/v1/chain_pb.js'
import { makeAccount, type OwnAccount } from '../../../../../services/endpoint/contacts/account.js'
import { commitLeave } from '../../../../../services/endpoint/groups/intents.js'
import { leave } from '../../../../../services/endpoint/messages/content/leave.js'
import { makeLeave } from '../../../../../services/protocol/conversation/chain/leave-statement.js'
import { memberOf } from '../../../../../services/protocol/conversation/chain/state.js'
import { nodeCrypto as crypto } from '../../../../../services/protocol/node/crypto.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'
import { saidIn } from '../../../../support/said.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const tablet = secondDevice(bob)
const carol = makeAccount('carol')
const phone = secondDevice(alice)

let testing: TestContext
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { others: [bob, tablet, carol, phone], room: {} })
})

/** Of the room as it is, and of the stay of the account whose device signs, unless given. */
function statementOf(
  { account, device, certificate }: OwnAccount,
  given: { conversationId?: Uint8Array; added?: number } = {},
): SignedLeaveStatement {
  const { state } = room.live.held
  const { added } = memberOf(state, account.publicKey)!
  return makeLeave(crypto, { conversationId: state.id, added, ...given, device, certificate })
}
const says = (from: OwnAccount, statement?: SignedLeaveStatement) =>
  room.take(from, { body: { case: 'leave', value: statement ? { statement } : {} } })
const intended = () => testing.context.intents.of(room).map(({ intent }) => intent.change)
const lines = () => testing.context.conversations.history(room.conversation).map(saidIn)

test('of somebody who leaves, the statement is to be committed by anybody, for all their devices', async () => {
  const statement = statementOf(bob)
  await says(tablet, statement)
  expect(intended()).toEqual([commitLeave(statement)])
  expect(room.live.phase.name).toBe('active')
})

describe('nobody leaves by a statement', () => {
  test.each<[string, () => SignedLeaveStatement | undefined]>([
    ['that is missing', () => undefined],
    ['that is none', () => create(SignedLeaveStatementSchema, { statement: Uint8Array.of(1) })],
    ['of another account', () => statementOf(carol)],
    ['of another room', () => statementOf(bob, { conversationId: new Uint8Array(32).fill(1) })],
    ['of an earlier stay', () => statementOf(bob, { added: 1 })],
    ['that was changed', () => ({ ...statementOf(bob), signature: new Uint8Array(64) })],
  ])('%s', async (_, make) => {
    await says(bob, make())
    expect(intended()).toEqual([])
    expect([room.live.phase.name, lines()]).toEqual(['active', []])
  })
})

describe('this account', () => {
  test('has left where another device of it says so, and waits for somebody to commit that', async () => {
    await says(phone, statementOf(phone))
    expect(room.live.phase).toEqual({ name: 'leaving', leaveDue: false, commitOut: false })
    expect(lines()).toEqual(['you have left'])
    expect(intended()).toEqual([])
  })

  test.each<[string, () => SignedLeaveStatement | undefined]>([
    ['says so without a statement', () => undefined],
    ['shows one of an earlier stay', () => statementOf(phone, { added: 99 })],
    ['shows one of somebody else', () => statementOf(bob)],
  ])('has not left where another device of it %s', async (_, make) => {
    await says(phone, make())
    expect([room.live.phase.name, lines()]).toEqual(['active', []])
  })

  test('has not left by its own statement in the mouth of somebody else', async () => {
    await says(bob, statementOf(phone))
    expect([room.live.phase.name, lines(), intended()]).toEqual(['active', [], []])
  })

  test('says again that it leaves, where the server did not take that', async () => {
    await room.enter({ name: 'leaving', leaveDue: false, commitOut: false })
    await testing.written((tx, unit) => leave.putBack?.(unit.context, tx, room.in(unit)))
    expect(room.live.phase).toMatchObject({ name: 'leaving', leaveDue: true })
  })
})

test('leaving is owed a receipt, and is taken from somebody who is blocked', () => {
  expect(leave).toMatchObject({ owesReceipt: true, fromBlocked: true })
})
