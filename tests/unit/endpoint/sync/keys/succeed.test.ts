// This device makes the group in which the conversation of a broken one goes on.

import { fromBinary } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { CommitBundleSchema } from '../../../../../gen/parley/v1/chat_pb.js'
import type { ClaimedDevice } from '../../../../../gen/parley/v1/key_exchange_pb.js'
import { makeAccount, type OwnAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { GroupPhase } from '../../../../../services/endpoint/groups/state/group.js'
import { brokenGroups, succeed } from '../../../../../services/endpoint/sync/keys/succeed.js'
import { memberOf } from '../../../../../services/protocol/conversation/chain/state.js'
import { decodeBundleHead } from '../../../../../services/protocol/log/bundle-head.js'
import { listed, openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { claimedDevice, learn } from '../../../../support/endpoint-groups.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'
import { listOf } from '../../../../support/known-accounts.js'

const alice = makeAccount('alice')
const phone = secondDevice(alice)
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const BROKEN: GroupPhase = { name: 'broken', succeedAtMs: 0, leaveDue: false }

let endpoint: TestContext
let room: TestGroup
beforeEach(async () => {
  endpoint = await openTestContext(alice)
  room = await TestGroup.of(endpoint, { others: [bob, carol, phone], room: {} })
  await room.enter(BROKEN)
})

const idOf = ({ device }: OwnAccount) => device.publicKey
const claimed = async (...accounts: OwnAccount[]): Promise<ReadonlyMap<string, ClaimedDevice[]>> => {
  const made = new Map<string, ClaimedDevice[]>()
  for (const account of accounts) {
    const before = made.get(account.handle) ?? []
    made.set(account.handle, [...before, await claimedDevice(endpoint.context.engine, account)])
  }
  return made
}
const goOnWith = async (...accounts: OwnAccount[]) => {
  const devices = await claimed(...accounts)
  await endpoint.written((tx, { context }) => succeed(context, tx, room.number, devices))
}
/** The group that was made, as it is when its first commit has won. */
const made = () => {
  const { chainId } = room.live.record
  const group = endpoint.context.groups.ofChain(chainId).find(({ number }) => number !== room.number)
  if (!group) return undefined
  const { engine } = endpoint.context
  return { group, held: group.heldAfter(engine.adopt(group.state, group.pending!).state) }
}
const devicesIn = () => made()?.held.leaves.map(({ deviceKey }) => deviceKey)
const hex = (keys: readonly Uint8Array[] = []) => keys.map(key => Buffer.from(key).toString('hex')).sort()
const ids = (...accounts: OwnAccount[]) => hex(accounts.map(idOf))

describe('the next group', () => {
  test('has all members and the chain, goes on from the one before, and waits to be sent', async () => {
    await goOnWith(bob, carol, phone)
    const { group, held } = made()!
    expect(group).toMatchObject({ phase: { name: 'creating' }, record: { conversation: room.conversation } })
    expect([held.incarnation, held.state.head]).toEqual([2, room.live.held.state.head])
    expect(hex(devicesIn())).toEqual(ids(alice, bob, carol, phone))
    expect(group.record.succeededAtMs).toBe(0n)
    const [{ item } = { item: undefined }] = endpoint.outbox.items()
    if (item?.what.case !== 'commit') throw new Error('no commit')
    const head = decodeBundleHead(fromBinary(CommitBundleSchema, item.what.value.commitBundle).head)
    expect(head).toMatchObject({
      conversationId: group.record.conversationId,
      ...{ succeeds: room.live.record.conversationId, succeedsEpoch: 1n },
    })
  })

  test('names the epoch that this device is in, whatever a server has said of later ones', async () => {
    await room.change({ heardEpoch: 77n })
    await goOnWith(bob)
    const [{ item } = { item: undefined }] = endpoint.outbox.items()
    if (item?.what.case !== 'commit') throw new Error('no commit')
    const head = decodeBundleHead(fromBinary(CommitBundleSchema, item.what.value.commitBundle).head)
    expect(head?.succeedsEpoch).toBe(1n)
  })

  test('is without those whose devices cannot be reached now: they are added later', async () => {
    await goOnWith(carol)
    expect(hex(devicesIn())).toEqual(ids(alice, carol))
    expect(memberOf(made()!.held.state, bob.account.publicKey)).toBeDefined()
  })

  test('is without whoever has broken the one before, where this account may take them out', async () => {
    await room.change({ brokenBy: [bob.account.publicKey] })
    await goOnWith(bob, carol)
    expect(memberOf(made()!.held.state, bob.account.publicKey)).toBeUndefined()
    expect(hex(devicesIn())).toEqual(ids(alice, carol))
  })

  test('is with them where it may not: it is no admin', async () => {
    room = await TestGroup.of(endpoint, { by: bob, others: [bob, carol], room: {} })
    await room.enter(BROKEN)
    await room.change({ brokenBy: [carol.account.publicKey] })
    await goOnWith(bob, carol)
    expect(hex(devicesIn())).toEqual(ids(alice, bob, carol))
  })

  test.each<[string, () => Promise<void>]>([
    ['of another account that goes by a member’s handle', async () => goOnWith(makeAccount('bob'))],
    ['of nobody who is in the room', async () => goOnWith(makeAccount('dave'))],
    [
      'that its account does not have in use',
      async () => {
        await listed(endpoint, [secondDevice(bob)], listOf(bob).number + 1)
        await goOnWith(bob)
      },
    ],
    ['of this account, where it is this one', async () => goOnWith(alice)],
  ])('has no device %s', async (_, go) => {
    await endpoint.written((_, unit) => learn(unit, [makeAccount('dave')]))
    await go()
    expect(hex(devicesIn())).toEqual(ids(alice))
  })

  test('is not made where it is not this device’s turn, or one is there already', async () => {
    await room.enter({ name: 'broken', succeedAtMs: endpoint.clock.now() + 1, leaveDue: false })
    await goOnWith(bob)
    expect(made()).toBeUndefined()
    endpoint.clock.pass(1)
    await goOnWith(bob)
    await goOnWith(bob)
    expect(endpoint.context.groups.all()).toHaveLength(2)
  })
})

describe('it is the turn of this device', () => {
  const due = () => brokenGroups(endpoint.context).map(({ number }) => number)
  const at = (ms: number, leaveDue = false): GroupPhase => ({ name: 'broken', succeedAtMs: ms, leaveDue })

  test('when its time has come, in no room that is to be left', async () => {
    expect(due()).toEqual([room.number])
    await room.enter(at(endpoint.clock.now() + 70))
    expect(due()).toEqual([])
    endpoint.clock.pass(70)
    expect(due()).toEqual([room.number])
    await room.enter(at(0, true))
    expect(due()).toEqual([])
  })

  test('until a group is there, and again where that was given up', async () => {
    await goOnWith(bob)
    expect(due()).toEqual([])
    const { number } = made()!.group
    await endpoint.written((tx, { context }) =>
      context.groups.move(tx, context.groups.get(number)!, { input: 'abandoned' }),
    )
    expect(due()).toEqual([room.number])
  })
})
