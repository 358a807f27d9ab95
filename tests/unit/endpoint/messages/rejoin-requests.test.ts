// A device that has lost a group's state asks to be taken in again.

import { fromBinary } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { SignedRejoinStatementSchema } from '../../../../gen/parley/v1/rejoin_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { ASK_AGAIN_MS, type GroupPhase } from '../../../../services/endpoint/groups/state/group.js'
import {
  askOnceMore,
  askWhenDue,
  lostTogether,
  stateLost,
} from '../../../../services/endpoint/messages/rejoin-requests.js'
import { makeRejoinStatement } from '../../../../services/protocol/conversation/rejoin-statement.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { TestGroup } from '../../../support/group.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const LOST: GroupPhase = { name: 'out-of-sync', askDue: false, leaveDue: false }

let testing: TestContext
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { by: bob, others: [bob, carol], room: {} })
})

const out = () => testing.outbox.items().map(({ item }) => item.what.case)

describe('another device that has lost its state as well', () => {
  type Request = Parameters<typeof makeRejoinStatement>[1]
  /** Of this group, as this device knows it, unless given. */
  const asks = ({ device }: OwnAccount, given: Partial<Request> = {}) => {
    const { groupId, incarnation, state } = room.live.held
    const request = { groupId, incarnation, head: state.head, lastEpoch: 1n, ...given }
    const statement = makeRejoinStatement(crypto, request, { device })
    const signed = fromBinary(SignedRejoinStatementSchema, statement)
    return testing.written((tx, unit) =>
      lostTogether(unit.context, tx, room.in(unit), signed, room.envelope({ case: undefined })),
    )
  }

  beforeEach(() => room.enter(LOST))

  test('may mean that nobody can take them in: it goes on in another group after a while, if nobody has', async () => {
    await asks(carol)
    expect(room.live.phase).toEqual({
      ...{ name: 'broken', leaveDue: false },
      succeedAtMs: testing.clock.now() + 5_000 + 300,
    })
  })

  test('says whose commit it was, where one of now has not opened here', async () => {
    await room.change({ brokenBy: [bob.account.publicKey] })
    await asks(carol)
    expect(testing.context.conversations.history(room.conversation)).toMatchObject([
      { kind: 'unreadable', cause: { code: 'against-rules', from: 'bob' } },
    ])
  })

  test('is one whatever it knows of the chain, or has heard of', async () => {
    await asks(carol, { head: new Uint8Array(32), lastEpoch: 99n })
    expect(room.live.phase.name).toBe('broken')
  })

  test.each<[string, OwnAccount, Partial<Request>]>([
    ['is this one', alice, {}],
    ['is none of the room', makeAccount('dave'), {}],
    ['asks in another group', carol, { groupId: new Uint8Array(16) }],
    ['asks in another group of the room', carol, { incarnation: 2 }],
  ])('changes nothing where it %s', async (_, who, given) => {
    await asks(who, given)
    expect(room.live.phase).toEqual(LOST)
  })

  test('changes nothing where the statement is not its own', async () => {
    const signed = fromBinary(
      SignedRejoinStatementSchema,
      makeRejoinStatement(
        crypto,
        { groupId: room.live.held.groupId, incarnation: 1, head: new Uint8Array(32), lastEpoch: 1n },
        { device: { ...bob.device, privateKey: carol.device.privateKey } },
      ),
    )
    await testing.written((tx, unit) =>
      lostTogether(unit.context, tx, room.in(unit), signed, room.envelope({ case: undefined })),
    )
    expect(room.live.phase).toEqual(LOST)
  })
})

describe('a device that waits', () => {
  const all = (what: typeof askOnceMore) => testing.written((tx, unit) => what(unit.context, tx))
  const lose = () => testing.written((tx, unit) => stateLost(unit.context, tx, room.in(unit)))
  /** The server has the request. */
  const stored = () => testing.written((tx, { outbox }) => outbox.drop(tx, () => true))

  test('asks once more after a while', async () => {
    await lose()
    expect(out()).toEqual(['rejoin'])
    await stored()
    await all(askOnceMore)
    expect(out()).toEqual([])
    testing.clock.pass(ASK_AGAIN_MS)
    await all(askOnceMore)
    expect(out()).toEqual(['rejoin'])
  })

  test('asks of itself only where it had to wait', async () => {
    await lose()
    await stored()
    testing.clock.pass(ASK_AGAIN_MS)
    await all(askWhenDue)
    expect(out()).toEqual([])
    await room.enter({ name: 'out-of-sync', askDue: true, leaveDue: false })
    await all(askWhenDue)
    expect(out()).toEqual(['rejoin'])
    expect(room.live.phase).toEqual(LOST)
  })
})
