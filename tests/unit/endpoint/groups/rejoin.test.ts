// Another device asks to be removed and added again, or leaves the roster by itself.

import { fromBinary } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { RosterLeave } from '../../../../gen/parley/v1/chat_pb.js'
import {
  type SignedRejoinStatement,
  SignedRejoinStatementSchema,
} from '../../../../gen/parley/v1/rejoin_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { takeRejoin, takeRosterLeave } from '../../../../services/endpoint/groups/rejoin.js'
import { requestOf } from '../../../../services/endpoint/groups/state/open-requests.js'
import {
  encodeRejoinStatement,
  makeRejoinStatement,
} from '../../../../services/protocol/conversation/rejoin-statement.js'
import { makeLeave } from '../../../../services/protocol/log/roster-leave.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../support/group.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const tablet = secondDevice(bob)
const carol = makeAccount('carol')
const idOf = ({ device }: OwnAccount) => device.publicKey

let testing: TestContext
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { others: [bob], room: {} })
})

interface Asked {
  lastEpoch?: bigint
  incarnation?: number
  groupId?: Uint8Array
  head?: Uint8Array
}
const asking = ({ device }: OwnAccount, asked: Asked = {}): SignedRejoinStatement => {
  const { groupId, incarnation, state, epoch } = room.live.held
  const request = { groupId, incarnation, head: state.head, lastEpoch: epoch, ...asked }
  return fromBinary(SignedRejoinStatementSchema, makeRejoinStatement(crypto, request, { device }))
}
const take = (request: SignedRejoinStatement) =>
  testing.written((tx, unit) => takeRejoin(unit.context, tx, room.in(unit), request))
const intents = () => testing.context.intents.of(room).map(({ intent }) => intent.change)
const dropIntents = () => testing.written((tx, unit) => unit.context.intents.dropAll(tx, room.in(unit)))

describe('a request', () => {
  test('is open, and has the device added again in this device’s turn; nobody may just remove it', async () => {
    const request = asking(bob)
    expect(await take(request)).toEqual(bob.account.publicKey)
    expect(room.live.record).toMatchObject({
      ...{ goneDeviceIds: [], rejoinRequests: [encodeRejoinStatement(request)] },
    })
    expect(requestOf(room.live, idOf(bob))).toEqual(encodeRejoinStatement(request))
    expect(requestOf(room.live, idOf(alice))).toBeUndefined()
    expect(intents()).toMatchObject([
      { case: 'addDevices', value: { handle: 'bob', deviceIds: [idOf(bob)], keyPackages: [] } },
    ])
    const [known] = testing.context.intents.of(room)
    expect(known!.intent.notBeforeMs).toBe(0n)
  })

  test('waits for the turn of this device', async () => {
    room = await TestGroup.of(testing, { by: carol, others: [bob, carol], room: {} })
    await take(asking(bob))
    const [known] = testing.context.intents.of(room)
    expect(Number(known!.intent.notBeforeMs)).toBe(testing.clock.now() + 300)
  })

  test('of a later epoch takes the place of an earlier one of the same device', async () => {
    room = await TestGroup.of(testing, { others: [bob, carol], room: {} })
    const [first, carols, second] = [asking(bob, { lastEpoch: 0n }), asking(carol), asking(bob)]
    for (const request of [first, carols, second]) expect(await take(request)).toBeDefined()
    expect(room.live.record.rejoinRequests).toEqual([carols, second].map(encodeRejoinStatement))
    // It is done by one commit for all of them.
    expect(intents()).toHaveLength(2)
  })

  test('of this device, which another program has made, is not for it to carry out', async () => {
    expect(await take(asking(alice))).toEqual(alice.account.publicKey)
    expect(intents()).toEqual([])
  })

  test('that a server says again and again is told once, and nothing more is to be done for it', async () => {
    const [first, second] = [asking(bob), asking(bob)]
    expect(await take(first)).toBeDefined()
    for (const request of [first, second, first, asking(bob, { lastEpoch: 0n })])
      expect(await take(request)).toBeUndefined()
    // Bytes that nobody has signed make another one of it to whoever compares bytes.
    const unknown = { $unknown: [{ no: 99, wireType: 0, data: Uint8Array.of(1) }] }
    expect(await take({ ...first, ...unknown })).toBeUndefined()
    expect(room.live.record.rejoinRequests).toEqual([encodeRejoinStatement(first)])
    expect(intents()).toHaveLength(1)
  })

  test('is carried out when it is said again after that was given up', async () => {
    await take(asking(bob))
    await dropIntents()
    await take(asking(bob))
    expect(intents()).toMatchObject([{ case: 'addDevices', value: { deviceIds: [idOf(bob)] } }])
  })

  test('that does not count any more makes room for another one', async () => {
    const old = asking(bob)
    expect(await take(old)).toBeDefined()
    for (let made = 0; made < 16; made++) {
      const { live } = room
      const { held } = live
      await testing.written((tx, unit) =>
        unit.context.groups.enter(tx, room.in(unit), {
          state: live.state,
          held: { ...held, epoch: held.epoch + 1n },
        }),
      )
    }
    expect(room.live.held.epoch).toBe(17n)
    expect(requestOf(room.live, idOf(bob))).toBeUndefined()
    expect(await take(old)).toBeUndefined()
    expect(await take(asking(bob, { lastEpoch: 5n }))).toEqual(bob.account.publicKey)
  })

  test.each<[string, () => SignedRejoinStatement]>([
    ['of somebody who is not in it', () => asking(carol)],
    ['that another device signed', () => ({ ...asking(bob), signature: asking(carol).signature })],
    ['of an epoch that is to come', () => asking(bob, { lastEpoch: 2n })],
    ['for another group', () => asking(bob, { groupId: new Uint8Array(16) })],
    ['for another group of the same conversation', () => asking(bob, { incarnation: 2 })],
    ['by a device that stands on another chain', () => asking(bob, { head: new Uint8Array(32) })],
    ['that cannot be read', () => ({ ...asking(bob), statement: Uint8Array.of(255) })],
  ])('%s changes nothing', async (_, make) => {
    const before = room.live.record
    expect(await take(make())).toBeUndefined()
    expect(room.live.record).toEqual(before)
    expect(intents()).toEqual([])
  })
})

describe('a device that leaves the roster', () => {
  const leaveOf = ({ device }: OwnAccount, epoch = 1n) =>
    makeLeave(crypto, { conversationId: room.live.record.conversationId, epoch, device })
  const takeLeft = (leave: RosterLeave) =>
    testing.written((tx, unit) => takeRosterLeave(unit.context, tx, room.in(unit), leave))
  const gone = () => room.live.record.goneDeviceIds

  test('as the last one of its account has that taken out by an admin, once', async () => {
    const leave = leaveOf(bob)
    await takeLeft(leave)
    await takeLeft(leave)
    expect([gone(), room.live.record.rejoinRequests]).toEqual([[idOf(bob)], []])
    expect(intents()).toMatchObject([{ case: 'removeAccount', value: { accountKey: bob.account.publicKey } }])
    expect(intents()).toHaveLength(1)
  })

  test('while another one of its account is there is noted, and nothing more', async () => {
    room = await TestGroup.of(testing, { others: [bob, tablet], room: {} })
    await takeLeft(leaveOf(bob))
    expect([gone(), intents()]).toEqual([[idOf(bob)], []])
    await takeLeft(leaveOf(tablet))
    expect(gone()).toEqual([bob, tablet].map(idOf))
    expect(intents()).toHaveLength(1)
  })

  test('is for the admins to take out, in their turn', async () => {
    const setup = { by: carol, others: [bob, carol] }
    room = await TestGroup.of(testing, { ...setup, room: {} })
    await takeLeft(leaveOf(bob))
    expect([gone(), intents()]).toEqual([[idOf(bob)], []])
    room = await TestGroup.of(testing, { ...setup, room: { admins: [alice] } })
    await takeLeft(leaveOf(bob))
    const [known] = testing.context.intents.of(room)
    expect(Number(known!.intent.notBeforeMs)).toBe(testing.clock.now() + 300)
  })

  test('takes nobody out of a conversation of two, nor the own account out of a room', async () => {
    await takeLeft(leaveOf(alice))
    expect([gone(), intents()]).toEqual([[idOf(alice)], []])
    room = await TestGroup.of(testing, { others: [bob] })
    await takeLeft(leaveOf(bob))
    expect([gone(), intents()]).toEqual([[idOf(bob)], []])
  })

  test('before it joined again is an old story', async () => {
    await testing.written((tx, unit) => {
      const group = room.in(unit)
      unit.context.groups.saveSender(tx, group, { ...group.sender(idOf(bob)), joinedEpoch: 4n })
    })
    await takeLeft(leaveOf(bob, 3n))
    expect(intents()).toEqual([])
    await takeLeft(leaveOf(bob, 4n))
    expect(intents()).toHaveLength(1)
  })

  test.each<[string, () => RosterLeave]>([
    ['and is not in it', () => leaveOf(carol)],
    ['by the word of another device', () => ({ ...leaveOf(carol), deviceId: idOf(bob) })],
    ['in another epoch than it signed', () => ({ ...leaveOf(bob), epoch: 2n })],
  ])('%s changes nothing', async (_, make) => {
    const before = room.live.record
    await takeLeft(make())
    expect(room.live.record).toEqual(before)
    expect(intents()).toEqual([])
  })
})
