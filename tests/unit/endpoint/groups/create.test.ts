// A new group, from the key packages that were claimed.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { ConversationKind } from '../../../../gen/parley/content/v1/chain_pb.js'
import { CommitBundleSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import {
  type CreatedGroup,
  createFixedGroup,
  createRoomGroup,
  createSuccessor,
  type Invitee,
  ownInvitees,
  verifiedInvitees,
} from '../../../../services/endpoint/groups/create.js'
import type { LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import { contextOf } from '../../../../services/endpoint/groups/state/held.js'
import { conversationNumber } from '../../../../services/endpoint/ids.js'
import type { KeyPackagePair } from '../../../../services/endpoint/mls/engine.js'
import { decodeGroupState } from '../../../../services/protocol/conversation/group-state.js'
import { decodeLeafList } from '../../../../services/protocol/conversation/leaves.js'
import { MAX_INCARNATION } from '../../../../services/protocol/conversation/limits.js'
import { successorFault } from '../../../../services/protocol/conversation/successor.js'
import { judgeWelcome, type OwnGroup } from '../../../../services/protocol/conversation/welcome-verdict.js'
import { type AccountKey, sameKey } from '../../../../services/protocol/keys.js'
import { decodeBundleHead } from '../../../../services/protocol/log/bundle-head.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { claimedDevice, keyPackageOf, learn } from '../../../support/endpoint-groups.js'
import { secondDevice, TestGroup } from '../../../support/group.js'
import { certifiedFor, listOf, relist } from '../../../support/known-accounts.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const tablet = secondDevice(bob)
const carol = makeAccount('carol')
const { DIRECT, OWN_DEVICES } = ConversationKind
const idOf = ({ device }: OwnAccount) => device.publicKey
const keyOf = ({ account }: OwnAccount) => account.publicKey
const CONVERSATION = conversationNumber(1n)
const TEA = { name: 'tea', topic: 'hot', historyDays: 7 }

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
})

const know = (...accounts: OwnAccount[]) => testing.written((_, unit) => learn(unit, accounts))
const claimed = (...accounts: OwnAccount[]) =>
  Promise.all(accounts.map(account => claimedDevice(testing.context.engine, account)))
const devicesOf = (invitees: readonly Invitee[]) => invitees.map(({ leaf }) => leaf.deviceKey)

describe('invitees', () => {
  beforeEach(() => know(bob, tablet, carol))

  test('are the claimed devices of the person, and nobody else’s', async () => {
    const devices = await claimed(bob, carol, tablet)
    expect(devicesOf(await verifiedInvitees(testing.context, 'bob', devices))).toEqual(
      [bob, tablet].map(idOf),
    )
  })

  test('are what the key package says, whatever the server says beside it', async () => {
    const [carols] = await claimed(carol)
    const lie = { ...carols!, deviceKey: bob.device.publicKey }
    for (const handle of ['bob', 'carol'])
      expect(await verifiedInvitees(testing.context, handle, [lie])).toEqual([])
  })

  test('are the sound ones, where another one is not', async () => {
    const [good, bad] = await claimed(bob, tablet)
    const faulty = [{ ...bad!, keyPackage: Uint8Array.of(1) }, good!]
    expect(devicesOf(await verifiedInvitees(testing.context, 'bob', faulty))).toEqual([idOf(bob)])
  })

  test('are of accounts whose list is known, in use by it, and name no newer one', async () => {
    const stranger = makeAccount('dave')
    const dave = await claimed(stranger)
    const reach = () => verifiedInvitees(testing.context, 'dave', dave)
    expect(await reach()).toEqual([])
    await know(stranger)
    expect(devicesOf(await reach())).toEqual([idOf(stranger)])
    // It is on a list that this device has not seen yet.
    const phone = secondDevice(stranger)
    const [phones] = await claimed(phone)
    const both = async () => devicesOf(await verifiedInvitees(testing.context, 'dave', [...dave, phones!]))
    expect(await both()).toEqual([idOf(stranger)])
    await know(phone)
    expect(await both()).toEqual([stranger, phone].map(idOf))
    relist(stranger, [idOf(phone)])
    await know(phone)
    expect(await both()).toEqual([idOf(phone)])
  })

  test('are certified for our server', async () => {
    const elsewhere = await claimed(certifiedFor(bob, new Uint8Array(16).fill(8)), tablet)
    expect(devicesOf(await verifiedInvitees(testing.context, 'bob', elsewhere))).toEqual([idOf(tablet)])
  })

  test('of this account are those in use that it has certified', async () => {
    const [phone, old] = [secondDevice(alice), secondDevice(alice)]
    const devices = await claimed(phone, old, makeAccount('alice'))
    relist(alice, [idOf(alice), idOf(phone)])
    await know(phone)
    expect(devicesOf(await ownInvitees(testing.context, devices))).toEqual([idOf(phone)])
  })
})

/** Invitees with the key packages by which they can join. */
async function invited(...accounts: OwnAccount[]) {
  const pairs = await Promise.all(accounts.map(account => keyPackageOf(testing.context.engine, account)))
  const invitees: Invitee[] = []
  for (const [index, account] of accounts.entries()) {
    const { publicPackage: keyPackage } = pairs[index]!
    const device = { ...(await claimed(account))[0]!, keyPackage }
    invitees.push(...(await verifiedInvitees(testing.context, account.handle, [device])))
  }
  return { pairs, invitees }
}

const made = async (
  work: (unit: Parameters<Parameters<TestContext['written']>[0]>[1]) => Promise<CreatedGroup>,
) => {
  const { group, bundle: init } = await testing.written((_, unit) => work(unit))
  return { group: testing.context.groups.get(group.number)!, bundle: create(CommitBundleSchema, init) }
}
type Made = Awaited<ReturnType<typeof made>>

/** As it is after its first commit. */
const adopted = ({ group }: Made) => {
  const { state } = testing.context.engine.adopt(group.state, group.pending!)
  return { state, held: group.heldAfter(state) }
}

/** The verdict of an invitee on the welcome. */
async function verdictOf(
  { bundle }: Made,
  { by, pairs, known = [] }: { by: OwnAccount; pairs: KeyPackagePair[]; known?: readonly OwnGroup[] },
) {
  const { engine } = testing.context
  const { state, joiner, signer } = await engine.unsafeJoinHere(bundle.welcomes[0]!.welcome, pairs)
  const opened = { ...contextOf(engine, state), joiner, signer: signer.signatureKey }
  return judgeWelcome(crypto, opened, { deviceKey: idOf(by), known })
}

describe('a group of accounts that stay the same', () => {
  const make = async (
    accounts: OwnAccount[],
    invitees: readonly Invitee[],
    kind: typeof DIRECT | typeof OWN_DEVICES = DIRECT,
  ) =>
    made(({ context, tx }) =>
      createFixedGroup(context, tx, {
        ...{ kind, accounts: accounts.map(keyOf), conversation: CONVERSATION, invitees },
      }),
    )
  beforeEach(() => know(alice, bob, tablet))

  test('waits for its first commit, which tells the server whom it is for', async () => {
    const { invitees } = await invited(bob)
    const { group, bundle } = await make([alice, bob], invitees)
    expect(group.phase.name).toBe('creating')
    expect(group.record.conversationId).toHaveLength(16)
    expect(bundle).toMatchObject({ epoch: 0n, creates: true, rosterChange: { addedDeviceIds: [idOf(bob)] } })
    expect(bundle.welcomes.map(({ deviceIds }) => deviceIds)).toEqual([[idOf(bob)]])
    expect(decodeBundleHead(bundle.head)).toMatchObject({ deviceId: idOf(alice), succeeds: new Uint8Array() })
    const { held } = adopted({ group, bundle })
    expect(held.leaves.map(({ deviceKey }) => deviceKey)).toEqual([alice, bob].map(idOf))
    expect(held.state).toEqual(group.held.state)
  })

  test('is joined by its invitees, who find all of it right', async () => {
    const { invitees, pairs } = await invited(bob)
    const group = await make([alice, bob], invitees)
    expect(await verdictOf(group, { by: bob, pairs })).toMatchObject({
      ...{ isTaken: true, reason: 'first', held: { incarnation: 1, state: { kind: DIRECT } } },
    })
  })

  test('is one of own devices where it has one account, with a welcome to nobody where none is invited', async () => {
    const { group, bundle } = await make([alice], [], OWN_DEVICES)
    expect(group.held.state.kind).toBe(OWN_DEVICES)
    expect(bundle).toMatchObject({ creates: true, welcomes: [], rosterChange: { addedDeviceIds: [] } })
  })

  test('has a leaf of this device that names the newest list of its account', async () => {
    const phone = secondDevice(alice)
    await know(phone)
    const { group } = await make([alice], [], OWN_DEVICES)
    const [own] = testing.context.engine.members(group.state)
    const { number, hash } = listOf(alice)
    expect(decodeLeafList(own!.leafData!)).toEqual({ number, hash })
  })

  test('leaves out a device whose key package the engine refuses, and says so to the server', async () => {
    const { invitees } = await invited(bob, tablet)
    const [good, bad] = invitees as [Invitee, Invitee]
    const { group, bundle } = await make([alice, bob], [{ ...bad, keyPackage: Uint8Array.of(1) }, good])
    expect(bundle.rosterChange?.addedDeviceIds).toEqual([idOf(bob)])
    expect(adopted({ group, bundle }).held.leaves.map(({ deviceKey }) => deviceKey)).toEqual(
      [alice, bob].map(idOf),
    )
  })

  test('is not made by a device that is on no list yet', async () => {
    const empty = await openTestContext(makeAccount('dave'))
    const { account } = empty.context
    const making = empty.written((tx, { context }) =>
      createFixedGroup(context, tx, {
        ...{ kind: OWN_DEVICES, accounts: [account.account.publicKey], conversation: CONVERSATION },
        invitees: [],
      }),
    )
    await expect(making).rejects.toThrow('no device list')
  })

  describe('in place of others', () => {
    const incarnation = async () => (await make([alice, bob], [])).group.record.incarnation
    const groupWith = async (given: number) => {
      const group = await TestGroup.of(testing, { others: [bob] })
      await group.change({ incarnation: given })
      return group
    }

    test('has a higher number than all that others have seen, so that all change to it', async () => {
      await groupWith(1)
      const second = await groupWith(3)
      await second.enter({ name: 'ended', why: 'abandoned' })
      expect(await incarnation()).toBe(4)
    })

    test('counts none that nobody has seen: the others would wait for those in between', async () => {
      await groupWith(1)
      for (const _ of [1, 2]) {
        const { group } = await make([alice, bob], [])
        expect(group.record.incarnation).toBe(2)
        await testing.written((tx, { context }) =>
          context.groups.move(tx, context.groups.get(group.number)!, { input: 'commit-dropped' }),
        )
      }
      expect(await incarnation()).toBe(2)
    })

    test('is made also where somebody has begun with the highest number that there is', async () => {
      await groupWith(MAX_INCARNATION)
      expect(await incarnation()).toBe(MAX_INCARNATION)
    })
  })
})

describe('a new room', () => {
  test('is of this account alone, who is its admin', async () => {
    await know(alice)
    const { group, bundle } = await made(({ context, tx }) =>
      createRoomGroup(context, tx, { conversation: CONVERSATION, settings: TEA }),
    )
    expect(bundle).toMatchObject({ epoch: 0n, creates: true, welcomes: [] })
    for (const held of [group.held, adopted({ group, bundle }).held]) {
      expect(held.state).toMatchObject({
        ...{ kind: ConversationKind.ROOM, number: 1, settings: TEA },
        members: [{ accountKey: keyOf(alice), added: 1, isAdmin: true }],
      })
      expect(held.entries.map(({ change }) => change.kind)).toEqual(['create'])
    }
    expect([group.phase.name, group.record.incarnation]).toEqual(['creating', 1])
    expect(group.record.chainId).toEqual(group.held.state.id)
    const said = decodeGroupState(testing.context.engine.settings(group.state)!)
    expect(said?.addedEntries).toHaveLength(1)
  })

  test('is no other one, whatever its name', async () => {
    await know(alice)
    const make = () =>
      made(({ context, tx }) => createRoomGroup(context, tx, { conversation: CONVERSATION, settings: TEA }))
    const [one, other] = [(await make()).group, (await make()).group]
    expect(one.held.state.id).not.toEqual(other.held.state.id)
  })
})

describe('the group in which a room goes on', () => {
  let old: LiveGroup
  beforeEach(async () => {
    const others = [bob, tablet, carol]
    old = (await TestGroup.of(testing, { others, room: { admins: [carol] } })).live
  })
  const succeed = (invitees: readonly Invitee[], out: readonly OwnAccount[] = []) =>
    made(({ context, tx }) =>
      createSuccessor(context, tx, context.groups.get(old.number)!, {
        invitees,
        out: out.map(keyOf),
      }),
    )
  const known = (): OwnGroup => ({ ...old.held, isOut: false, askedAt: undefined })

  test('has all that the old one held, and the next number; its head says what it succeeds', async () => {
    const { invitees, pairs } = await invited(bob, carol)
    const next = await succeed(invitees)
    const { record, held } = next.group
    expect([record.conversation, record.incarnation]).toEqual([old.record.conversation, 2])
    expect([held.state, held.entries]).toEqual([old.held.state, old.held.entries])
    expect(held.ledger.accounts).toEqual(old.held.ledger.accounts)
    expect(decodeBundleHead(next.bundle.head)).toMatchObject({
      ...{
        succeeds: old.record.conversationId,
        succeedsEpoch: old.held.epoch,
        conversationId: record.conversationId,
      },
    })
    expect(next.bundle.rosterChange?.addedDeviceIds).toEqual([bob, carol].map(idOf))
    for (const by of [bob, carol])
      expect(await verdictOf(next, { by, pairs, known: [known()] })).toMatchObject({ reason: 'successor' })
  })

  test('is made in place of an earlier one where not all came into the old one', async () => {
    const before = {
      held: { ...old.held, epoch: 7n },
      record: {
        ...old.record,
        conversationId: new Uint8Array(16).fill(7),
        lastSuccessor: new Uint8Array(16).fill(8),
      },
    }
    const later = { held: { ...old.held, incarnation: 5 }, record: old.record }
    const next = await made(({ context, tx }) =>
      createSuccessor(context, tx, later, { invitees: [], out: [], before }),
    )
    expect(next.group.record.incarnation).toBe(2)
    expect(decodeBundleHead(next.bundle.head)).toMatchObject({
      ...{
        succeeds: before.record.conversationId,
        succeedsEpoch: 7n,
        succeedsAfter: new Uint8Array(16).fill(8),
      },
    })
  })

  test('does not carry the whole chain in its context: those who join have it by their welcome', async () => {
    const { invitees } = await invited(carol)
    const { group } = await succeed(invitees)
    const said = decodeGroupState(testing.context.engine.settings(group.state)!)
    expect([said?.entries, said?.addedEntries]).toEqual([old.held.entries.length, []])
  })

  test('forgets no list that the old one had, though this device knows none of it besides', async () => {
    const { invitees, pairs } = await invited(carol)
    const next = await made(({ context, tx }) => {
      const own = (accountKey: AccountKey) => sameKey(accountKey, keyOf(alice))
      const lists = {
        get: (key: AccountKey) => (own(key) ? context.lists.get(key) : undefined),
        leafData: (key: AccountKey) => context.lists.leafData(key),
      }
      const here = context.groups.get(old.number)!
      return createSuccessor({ ...context, lists }, tx, here, { invitees, out: [] })
    })
    expect(next.group.held.ledger.accounts).toEqual(old.held.ledger.accounts)
    expect(await verdictOf(next, { by: carol, pairs, known: [known()] })).toMatchObject({
      reason: 'successor',
    })
  })

  test('begins without those who have broken the old one', async () => {
    const { invitees, pairs } = await invited(bob, carol, tablet)
    const next = await succeed(invitees, [bob])
    const { held } = adopted(next)
    expect(held.state.members.map(({ accountKey }) => accountKey)).toEqual([alice, carol].map(keyOf))
    expect(held.leaves.map(({ deviceKey }) => deviceKey)).toEqual([alice, carol].map(idOf))
    expect(held.ledger.accounts).toHaveLength(2)
    expect(next.bundle.rosterChange?.addedDeviceIds).toEqual([idOf(carol)])
    expect(successorFault(old.held, { held, entries: held.entries })).toBeUndefined()
    expect(await verdictOf(next, { by: carol, pairs, known: [known()] })).toMatchObject({
      ...{ isTaken: true, reason: 'successor' },
    })
  })

  test('takes several out, one entry after the other', async () => {
    const { held } = adopted(await succeed([], [bob, carol]))
    expect(held.state.members).toHaveLength(1)
    expect(held.entries.slice(-2).map(({ change }) => change.kind)).toEqual(['remove', 'remove'])
  })

  test('knows newer lists from the beginning, and whom they have in use', async () => {
    relist(bob, [idOf(bob)])
    await know(bob)
    const { invitees, pairs } = await invited(bob)
    const next = await succeed(invitees)
    const bobs = next.group.held.ledger.accounts.map(({ devices }) => devices.lists[0].list.encoded)
    expect(bobs).toContainEqual(listOf(bob).encoded)
    expect(await verdictOf(next, { by: bob, pairs, known: [known()] })).toMatchObject({ isTaken: true })
  })
})
