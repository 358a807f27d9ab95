// Another device asks to be removed and added again.

import { toBinary } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind } from '../../../../gen/parley/content/v1/room_pb.js'
import {
  type RejoinRequest,
  RejoinRequestSchema,
  type RosterLeave,
} from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { takeRejoin, takeRosterLeave } from '../../../../services/endpoint/groups/rejoin.js'
import { makeRejoin } from '../../../../services/protocol/conversation/rejoin-request.js'
import { makeLeave } from '../../../../services/protocol/log/roster-leave.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { TestGroup } from '../../../support/group.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const idOf = ({ device }: OwnAccount) => device.publicKey

let testing: TestContext
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [bob] })
})

const requestOf = ({ device }: OwnAccount, lastEpoch = 1n) =>
  makeRejoin(crypto, { conversationId: room.live.record.conversationId, lastEpoch, device })
const encoded = (request: RejoinRequest) => toBinary(RejoinRequestSchema, request)
const take = (request: RejoinRequest) =>
  testing.written((tx, unit) => takeRejoin(unit.context, tx, room.in(unit), request))
const intents = () => testing.context.intents.of(room).map(({ intent }) => intent.change)

describe('a request', () => {
  test('is open, and has the device added again in this device’s turn; nobody may just remove it', async () => {
    const request = requestOf(bob)
    expect(await take(request)).toEqual(bob.account.publicKey)
    expect(room.live.record).toMatchObject({
      ...{ leavingDeviceIds: [], rejoinRequests: [encoded(request)], rejoinNonces: [request.nonce] },
    })
    expect(intents()).toMatchObject([
      { case: 'addDevices', value: { handle: 'bob', deviceIds: [idOf(bob)], keyPackages: [] } },
    ])
    const [known] = testing.context.intents.of(room)
    expect(known!.intent.notBeforeMs).toBe(0n)
  })

  test('waits for the turn of this device', async () => {
    room = await TestGroup.of(testing, { kind: GroupKind.ROOM, by: carol, others: [bob, carol] })
    await take(requestOf(bob))
    const [known] = testing.context.intents.of(room)
    expect(Number(known!.intent.notBeforeMs)).toBe(testing.clock.now() + 300)
  })

  test('takes the place of an earlier one of the same device', async () => {
    room = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [bob, carol] })
    const [first, carols, second] = [requestOf(bob), requestOf(carol), requestOf(bob)]
    for (const request of [first, carols, second]) await take(request)
    expect(room.live.record.rejoinRequests).toEqual([encoded(carols), encoded(second)])
  })

  test('of this device, which another program has made, is not for it to carry out', async () => {
    expect(await take(requestOf(alice))).toEqual(alice.account.publicKey)
    expect(intents()).toEqual([])
  })

  test('counts once, and another one of the same device again', async () => {
    const request = requestOf(bob)
    await take(request)
    expect(await take(request)).toBeUndefined()
    expect(intents()).toHaveLength(1)
    expect(await take(requestOf(bob))).toEqual(bob.account.publicKey)
  })

  test('is forgotten after so many others', async () => {
    const first = requestOf(bob)
    await take(first)
    for (let count = 0; count < 31; count++) await take(requestOf(bob))
    expect(await take(first)).toBeUndefined()
    await take(requestOf(bob))
    expect(room.live.record.rejoinNonces).toHaveLength(32)
    expect(await take(first)).toEqual(bob.account.publicKey)
  })

  test.each<[string, () => RejoinRequest]>([
    ['of somebody who is not in it', () => requestOf(carol)],
    ['that another device signed', () => ({ ...requestOf(carol), deviceId: idOf(bob) })],
    ['of an epoch that is to come', () => requestOf(bob, 2n)],
    ['of another epoch than was signed', () => ({ ...requestOf(bob), lastEpoch: 0n })],
    ['with another number than was signed', () => ({ ...requestOf(bob), nonce: new Uint8Array(16) })],
    [
      'for another conversation',
      () => makeRejoin(crypto, { conversationId: new Uint8Array(16), lastEpoch: 1n, device: bob.device }),
    ],
  ])('%s changes nothing', async (_, make) => {
    const before = room.live.record
    expect(await take(make())).toBeUndefined()
    expect(room.live.record).toEqual(before)
    expect(intents()).toEqual([])
  })
})

describe('a leave', () => {
  const leaveOf = ({ device }: OwnAccount, epoch = 1n) =>
    makeLeave(crypto, { conversationId: room.live.record.conversationId, epoch, device })
  const takeLeft = (leave: RosterLeave) =>
    testing.written((tx, unit) => takeRosterLeave(unit.context, tx, room.in(unit), leave))

  test('has the device removed, once, and not added again', async () => {
    const leave = leaveOf(bob)
    await takeLeft(leave)
    await takeLeft(leave)
    expect(room.live.record).toMatchObject({ leavingDeviceIds: [idOf(bob)], rejoinRequests: [] })
    expect(intents()).toMatchObject([{ case: 'removeDevices', value: { deviceIds: [idOf(bob)] } }])
    expect(intents()).toHaveLength(1)
  })

  test('of a time before the device joined again is old', async () => {
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
    ['of somebody who is not in it', () => leaveOf(carol)],
    ['that another device signed', () => ({ ...leaveOf(carol), deviceId: idOf(bob) })],
    ['of another epoch than was signed', () => ({ ...leaveOf(bob), epoch: 2n })],
  ])('%s changes nothing', async (_, make) => {
    const before = room.live.record
    await takeLeft(make())
    expect(room.live.record).toEqual(before)
    expect(intents()).toEqual([])
  })
})
