// A new group, from the key packages that were claimed.

import { create, fromBinary } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind, GroupSettingsSchema } from '../../../../gen/parley/content/v1/room_pb.js'
import { CommitBundleSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import {
  createGroup,
  type Invitee,
  ownInvitees,
  verifiedInvitees,
} from '../../../../services/endpoint/groups/create.js'
import { encodeSettings } from '../../../../services/endpoint/groups/policy.js'
import { queueCommit } from '../../../../services/endpoint/messages/sealing/outbox.js'
import { decodeLeafList } from '../../../../services/protocol/conversation/leaves.js'
import { listed, openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { claimedDevice, keyPackageOf } from '../../../support/endpoint-groups.js'
import { adminOf, secondDevice } from '../../../support/group.js'

const alice = makeAccount('alice')
const phone = secondDevice(alice)
const bob = makeAccount('bob')
const tablet = secondDevice(bob)

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
})

const claimed = (...accounts: OwnAccount[]) =>
  Promise.all(accounts.map(account => claimedDevice(testing.context.engine, account)))
const devicesOf = (invitees: readonly Invitee[]) => invitees.map(({ identity }) => identity.deviceKey)
const idOf = ({ device }: OwnAccount) => device.publicKey

describe('invitees', () => {
  test('are the claimed devices of the person, and nobody else’s', async () => {
    const devices = await claimed(bob, makeAccount('carol'), tablet)
    expect(devicesOf(await verifiedInvitees(testing.context, 'bob', devices))).toEqual([
      idOf(bob),
      idOf(tablet),
    ])
  })

  test('are what the key package says, whatever the server says beside it', async () => {
    const [carols] = await claimed(makeAccount('carol'))
    const lie = { ...carols!, deviceKey: bob.device.publicKey }
    expect(await verifiedInvitees(testing.context, 'bob', [lie])).toEqual([])
  })

  test('are the sound ones, where another one is not', async () => {
    const [good, bad] = await claimed(bob, tablet)
    const faulty = [{ ...bad!, keyPackage: Uint8Array.of(1) }, good!]
    expect(devicesOf(await verifiedInvitees(testing.context, 'bob', faulty))).toEqual([idOf(bob)])
  })

  test('of this account are those in use that it has certified', async () => {
    const old = secondDevice(alice)
    await testing.written((tx, { context }) => context.devices.change(tx, idOf(old), { isEnded: true }))
    const devices = await claimed(phone, old, makeAccount('alice'))
    expect(devicesOf(await ownInvitees(testing.context, devices))).toEqual([idOf(phone)])
  })
})

describe('a new group', () => {
  const make = async (...accounts: OwnAccount[]) => {
    const pairs = await Promise.all(accounts.map(account => keyPackageOf(testing.context.engine, account)))
    const devices = await claimed(...accounts)
    const packages = devices.map((device, index) => ({ ...device, keyPackage: pairs[index]!.publicPackage }))
    const invitees = (
      await Promise.all(accounts.map(({ handle }) => verifiedInvitees(testing.context, handle, packages)))
    ).flat()
    const number = await testing.written(async (tx, { context, outbox }) => {
      const conversation = context.conversations.open(tx, bob.account.publicKey)
      const { group, ...made } = await createGroup(context, tx, { conversation, invitees })
      queueCommit(outbox, tx, group.number, made)
      return group.number
    })
    const what = testing.outbox.items()[0]!.item.what
    if (what.case !== 'commit') throw new Error('no commit')
    const bundle = fromBinary(CommitBundleSchema, what.value.commitBundle)
    return { group: testing.context.groups.get(number)!, bundle, pairs }
  }

  test('waits for its first commit, which tells the server whom it is for', async () => {
    const { group, bundle } = await make(bob)
    expect(group.phase.name).toBe('creating')
    expect(group.pending).toBeDefined()
    expect(group.record.conversationId).toHaveLength(16)
    expect(bundle).toMatchObject({ epoch: 0n, creates: true, rosterChange: { addedDeviceIds: [idOf(bob)] } })
    expect(bundle.welcomes.map(({ deviceIds }) => deviceIds)).toEqual([[idOf(bob)]])
    const next = testing.context.engine.adopt(group.state, group.pending!).state
    expect(testing.context.engine.members(next).map(({ signatureKey }) => signatureKey)).toEqual(
      [alice, bob].map(idOf),
    )
  })

  test('is joined by its invitees', async () => {
    const { group, bundle, pairs } = await make(bob)
    const { state } = await testing.context.engine.unsafeJoinHere(bundle.welcomes[0]!.welcome, pairs)
    expect(testing.context.engine.groupId(state)).toEqual(group.record.conversationId)
  })

  test('has the settings that it is made with from its first epoch on', async () => {
    const settings = encodeSettings(
      create(GroupSettingsSchema, { kind: GroupKind.ROOM, name: 'tea', admins: [adminOf(alice)] }),
    )
    const number = await testing.written(async (tx, { context }) => {
      const conversation = context.conversations.openRoom(tx, 'tea')
      return (await createGroup(context, tx, { conversation, invitees: [], settings })).group.number
    })
    const { state, pending } = testing.context.groups.get(number)!
    const { engine } = testing.context
    for (const each of [state, engine.adopt(state, pending!).state])
      expect(engine.settings(each)).toEqual(settings)
  })

  test('has a leaf of this device that names the newest list of its account', async () => {
    await listed(testing, [alice], 3)
    const { group } = await make(bob)
    const [own] = testing.context.engine.members(group.state)
    const { number, hash } = testing.context.lists.get(alice.account.publicKey)!.lists[0].list
    expect(decodeLeafList(own!.leafData!)).toEqual({ number, hash })
  })

  test('of nobody else has no welcome', async () => {
    const { bundle } = await make()
    expect(bundle).toMatchObject({ creates: true, welcomes: [], rosterChange: { addedDeviceIds: [] } })
  })
})
