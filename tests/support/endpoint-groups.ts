// Groups in the vault of a test's endpoint: with the real engine, without a server.

import { create } from '@bufbuild/protobuf'
import { GroupKind, GroupSettingsSchema } from '../../gen/parley/content/v1/room_pb.js'
import type { ClaimedDevice } from '../../gen/parley/v1/key_exchange_pb.js'
import { ClaimedDeviceSchema } from '../../gen/parley/v1/key_exchange_pb.js'
import type { OwnAccount } from '../../services/endpoint/contacts/account.js'
import type { Unit } from '../../services/endpoint/context.js'
import { encodeSettings } from '../../services/endpoint/groups/policy.js'
import { type GroupPhase, joined } from '../../services/endpoint/groups/state/group.js'
import type { LiveGroup } from '../../services/endpoint/groups/state/groups.js'
import { phaseRecord } from '../../services/endpoint/groups/state/phase-record.js'
import type { ConversationNumber } from '../../services/endpoint/ids.js'
import type { Engine, GroupState, KeyPackagePair } from '../../services/endpoint/mls/engine.js'
import { at } from '../../services/endpoint/vault/records.js'
import { claimOf, type TestContext } from './endpoint-context.js'

export const keyPackageOf = (
  engine: Pick<Engine, 'newKeyPackage'>,
  { certificate, device }: OwnAccount,
): Promise<KeyPackagePair> =>
  engine.newKeyPackage({
    identity: certificate,
    signatureKey: device.privateKey,
    publicKey: device.publicKey,
  })

/** A device as a server hands it out to those who want to reach it. */
export async function claimedDevice(engine: Engine, account: OwnAccount): Promise<ClaimedDevice> {
  const { publicPackage: keyPackage } = await keyPackageOf(engine, account)
  return create(ClaimedDeviceSchema, {
    deviceKey: account.device.publicKey,
    keyPackage,
  })
}

export interface GroupOptions {
  others: readonly OwnAccount[]
  /** Opens the conversation that the group carries. */
  open(unit: Unit): ConversationNumber
  /** An encoded GroupSettings. */
  settings?: Uint8Array
  /** Active unless given. */
  phase?: GroupPhase
}

let made = 0

interface Founded {
  conversationId: Uint8Array
  /** With all others in it. */
  state: GroupState
  /** The state of one of the others, in the order in which they were given. */
  join(index: number): Promise<GroupState>
}

/** A group that a device has made, with others whom it has added. */
export async function foundGroup(
  engine: Engine,
  founder: OwnAccount,
  { others, settings }: Pick<GroupOptions, 'others' | 'settings'>,
): Promise<Founded> {
  const conversationId = new Uint8Array(16).fill(++made)
  const keyPackage = await keyPackageOf(engine, founder)
  const founded = await engine.create({ groupId: conversationId, keyPackage, ...(settings && { settings }) })
  const pairs = await Promise.all(others.map(other => keyPackageOf(engine, other)))
  const add = pairs.map(({ publicPackage }) => publicPackage)
  const { pending, welcome } = await engine.commit(founded, { add })
  const { state } = engine.adopt(founded, pending)
  const join = async (index: number) => (await engine.unsafeJoinHere(welcome!, [pairs[index]!])).state
  return { conversationId, state, join }
}

/** A group of the test's own device and these, in its vault. */
export async function groupWith(
  { context, written }: Pick<TestContext, 'context' | 'written'>,
  { open, phase = joined(), ...group }: GroupOptions,
): Promise<LiveGroup> {
  const { conversationId, state } = await foundGroup(context.engine, context.account, group)
  const { number } = await written((tx, unit) =>
    unit.context.groups.add(tx, { conversationId, conversation: open(unit), phase }, state),
  )
  return context.groups.get(number)!
}

/** Puts a group into a phase, whatever it is in. */
export const putInPhase = (
  { written }: Pick<TestContext, 'written'>,
  { number }: Pick<LiveGroup, 'number'>,
  phase: GroupPhase,
) => written(tx => tx.put('groups', at(number), { ...tx.get('groups', at(number))!, ...phaseRecord(phase) }))

/** The conversation with somebody whose handle is pinned to them. */
function openWith({ contacts, conversations }: Unit['context'], tx: Unit['tx'], other: OwnAccount) {
  contacts.meet(tx, claimOf(other))
  return conversations.open(tx, other.account.publicKey)
}

/** The group of a conversation with one other person, whose handle is pinned to them. */
export const groupWithPerson = (test: Pick<TestContext, 'context' | 'written'>, other: OwnAccount) =>
  groupWith(test, {
    others: [other],
    open: ({ context, tx }) => openWith(context, tx, other),
  })

/** A room called "tea", whose admin is the test's own account. */
export function roomWith(
  test: Pick<TestContext, 'context' | 'written'>,
  others: readonly OwnAccount[],
): Promise<LiveGroup> {
  const { handle, account } = test.context.account
  const settings = create(GroupSettingsSchema, {
    kind: GroupKind.ROOM,
    name: 'tea',
    admins: [{ handle, accountKey: account.publicKey }],
  })
  return groupWith(test, {
    others,
    open: ({ context, tx }) => context.conversations.openRoom(tx, 'tea'),
    settings: encodeSettings(settings),
  })
}

/** The two ends of a conversation: each one's group with the other. */
export async function meet(one: TestContext, other: TestContext): Promise<[LiveGroup, LiveGroup]> {
  const { engine, account } = one.context
  const founded = await foundGroup(engine, account, { others: [other.context.account] })
  const { conversationId, state } = founded
  const welcomed = await founded.join(0)
  const enter = async ({ context, written }: TestContext, own: typeof state, peer: OwnAccount) => {
    const { number } = await written((tx, unit) => {
      const conversation = openWith(unit.context, tx, peer)
      const group = { conversationId, conversation, phase: joined() }
      return unit.context.groups.add(tx, group, own)
    })
    return context.groups.get(number)!
  }
  return [await enter(one, state, other.context.account), await enter(other, welcomed, one.context.account)]
}
