// Rooms: what a person does with one, as intents of this device (intents.ts).

import { create } from '@bufbuild/protobuf'
import { GroupKind, type GroupSettings, GroupSettingsSchema } from '../../gen/parley/content/v1/room_pb.js'
import { ROOM_NAME_LENGTH, ROOM_TOPIC_LENGTH } from '../protocol/content/lengths.js'
import { isHandle } from '../protocol/identity/handle.js'
import { sameKey } from '../protocol/keys.js'
import { Refusal } from './codes/refusal.js'
import type { KeyTrust } from './contacts/contacts.js'
import type { Context } from './context.js'
import { createGroup } from './groups/create.js'
import { addAccount, changeSettings, type IntentChange, intend, removeDevices } from './groups/intents.js'
import { accountsIn, type GroupAccount, isOwn, settingsOf } from './groups/membership.js'
import { adminKeys, encodeSettings, isAdmin } from './groups/policy.js'
import { isIn } from './groups/state/group.js'
import type { LiveGroup } from './groups/state/groups.js'
import type { ConversationNumber } from './ids.js'
import { queueCommit } from './messages/sealing/outbox.js'
import type { Transaction } from './vault/records.js'

/** Days of history that a room may hand to new members. */
const MAX_HISTORY_DAYS = 3650

export type RoomChange =
  | { kind: 'invite'; handle: string }
  | { kind: 'remove'; handle: string }
  | { kind: 'name'; name: string }
  | { kind: 'topic'; topic: string }
  | { kind: 'admin'; handle: string; isAdmin: boolean }
  | { kind: 'history'; days: number }

export interface RoomOptions {
  name: string
  historyDays: number
  /** By their names. */
  invite?: readonly string[]
}

export interface RoomView {
  name: string
  topic: string
  /** Days of what was said before that new members are handed; 0: nothing. */
  historyDays: number
  /** As they are shown. `trust` of 'other': their handle is only a claim, so it may be somebody else. */
  members: { handle: string; isAdmin: boolean; devices: number; trust: KeyTrust }[]
  /** Whether this account may change the room. */
  isAdmin: boolean
  state: 'opening' | 'ready' | 'ended'
}

/** A new room with this account as its admin, and those who are invited to it. Returns its conversation. Throws Refusal. */
export async function createRoom(
  context: Pick<
    Context,
    | 'account'
    | 'clock'
    | 'contacts'
    | 'conversations'
    | 'engine'
    | 'groups'
    | 'intents'
    | 'lists'
    | 'outbox'
    | 'random'
  >,
  tx: Transaction,
  { name, historyDays, invite = [] }: RoomOptions,
): Promise<ConversationNumber> {
  checkRoomName(name)
  checkDays(historyDays)
  for (const handle of invite) checkName(context, handle)
  const { account } = context
  const own = { handle: account.handle, accountKey: account.account.publicKey }
  const settings = create(GroupSettingsSchema, {
    kind: GroupKind.ROOM,
    name,
    admins: [own],
    history: { days: historyDays },
  })
  const conversation = context.conversations.openRoom(tx, name)
  const made = await createGroup(context, tx, {
    conversation,
    invitees: [],
    settings: encodeSettings(settings),
  })
  const { group } = made
  queueCommit(context.outbox, tx, group.number, made)
  for (const handle of new Set(invite))
    if (handle !== account.handle) intend(context, tx, group, addition(context, handle))
  return conversation
}

/** Notes the change; it is committed as soon as it can be. Throws Refusal for what is not this account's to change. */
export function changeRoom(
  context: Pick<Context, 'account' | 'clock' | 'contacts' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  conversation: ConversationNumber,
  change: RoomChange,
): void {
  const { group, settings } = roomOf(context, conversation)
  checkAdmin(context, settings)
  for (const wish of wishesFor(context, { group, settings }, change)) intend(context, tx, group, wish)
}

/** The wishes to commit, in this order. Throws Refusal. */
function wishesFor(
  context: Pick<Context, 'account' | 'contacts' | 'engine'>,
  { group, settings }: { group: LiveGroup; settings: GroupSettings },
  change: RoomChange,
): IntentChange[] {
  const member = 'handle' in change ? memberCalled(context, group, change.handle) : undefined
  switch (change.kind) {
    case 'invite':
      checkName(context, change.handle)
      if (member) throw new Refusal({ code: 'already-a-member', handle: change.handle })
      return [addition(context, change.handle)]
    case 'remove':
      if (!member) throw new Refusal({ code: 'not-a-member', handle: change.handle })
      if (isOwn(context, member)) throw new Refusal({ code: 'cannot-remove-yourself' })
      return [
        ...(isAdmin(settings, member) ? [changeSettings({ unmakeAdmin: member.accountKey })] : []),
        removeDevices(member.devices),
      ]
    case 'admin':
      if (!member) throw new Refusal({ code: 'not-a-member', handle: change.handle })
      if (!change.isAdmin && settings.admins.length === 1 && isAdmin(settings, member))
        throw new Refusal({ code: 'only-admin' })
      return [
        changeSettings(
          change.isAdmin ? { makeAdmin: member.accountKey } : { unmakeAdmin: member.accountKey },
        ),
      ]
    case 'name':
      checkRoomName(change.name)
      return [changeSettings({ name: change.name })]
    case 'topic':
      if (change.topic.length > ROOM_TOPIC_LENGTH)
        throw new Refusal({ code: 'topic-too-long', characters: ROOM_TOPIC_LENGTH })
      return [changeSettings({ topic: change.topic })]
    case 'history':
      checkDays(change.days)
      return [changeSettings({ historyDays: change.days })]
  }
}

export function viewRoom(
  context: Pick<Context, 'account' | 'contacts' | 'engine' | 'groups'>,
  conversation: ConversationNumber,
): RoomView {
  const { group, settings } = roomOf(context, conversation)
  const accounts = accountsIn(context, group)
  const own = { handle: context.account.handle, accountKey: context.account.account.publicKey }
  return {
    name: settings.name,
    topic: settings.topic,
    historyDays: settings.history?.days ?? 0,
    members: accounts.map(account => ({
      handle: context.contacts.nameOf(account.accountKey, account.handle),
      isAdmin: isAdmin(settings, account),
      devices: account.devices.length,
      trust: context.contacts.trust(account.accountKey),
    })),
    isAdmin: isAdmin(settings, own),
    state: stateOf(group),
  }
}

function stateOf({ phase }: LiveGroup): RoomView['state'] {
  if (phase.name === 'creating') return 'opening'
  return isIn(phase) ? 'ready' : 'ended'
}

/** Throws Refusal for a room that this account is not in any more. */
export function checkMayWrite(
  context: Pick<Context, 'conversations' | 'engine' | 'groups'>,
  conversation: ConversationNumber,
): void {
  if (context.conversations.kind(conversation) !== 'room') return
  if (stateOf(roomOf(context, conversation).group) === 'ended')
    throw new Refusal({ code: 'not-in-room', peer: context.conversations.peer(conversation) })
}

/** Throws Refusal for a conversation that is no room. */
export function roomOf(
  context: Pick<Context, 'engine' | 'groups'>,
  conversation: ConversationNumber,
): { group: LiveGroup; settings: GroupSettings } {
  const [group] = context.groups.of(conversation)
  const settings = group && settingsOf(context, group)
  if (!group || settings?.kind !== GroupKind.ROOM) throw new Refusal({ code: 'not-a-room' })
  return { group, settings }
}

/** The last admin of a room in which others are left cannot leave. Throws Refusal. */
export function checkMayLeave(
  context: Pick<Context, 'account' | 'engine'>,
  { group, settings }: { group: LiveGroup; settings: GroupSettings },
): void {
  const own = { handle: context.account.handle, accountKey: context.account.account.publicKey }
  const others = accountsIn(context, group).length > 1
  if (others && settings.admins.length === 1 && isAdmin(settings, own))
    throw new Refusal({ code: 'only-admin-leaves' })
}

function checkAdmin(
  { account, contacts }: Pick<Context, 'account' | 'contacts'>,
  settings: GroupSettings,
): void {
  const own = { handle: account.handle, accountKey: account.account.publicKey }
  if (!isAdmin(settings, own))
    throw new Refusal({ code: 'not-an-admin', admins: adminKeys(settings).map(key => contacts.nameOf(key)) })
}

/** The member who is shown by this name. */
function memberCalled(
  context: Pick<Context, 'contacts' | 'engine'>,
  group: LiveGroup,
  name: string,
): GroupAccount | undefined {
  const accountKey = context.contacts.find(name)
  return accountKey && accountsIn(context, group).find(account => sameKey(account.accountKey, accountKey))
}

/** Throws Refusal for what nobody is called. */
function checkName({ contacts }: Pick<Context, 'contacts'>, name: string): void {
  if (!contacts.find(name) && !isHandle(name)) throw new Refusal({ code: 'bad-handle', handle: name })
}

function checkRoomName(name: string): void {
  if (name.trim() === '' || name.length > ROOM_NAME_LENGTH)
    throw new Refusal({ code: 'bad-room-name', characters: ROOM_NAME_LENGTH })
}

function checkDays(days: number): void {
  if (!Number.isInteger(days) || days < 0 || days > MAX_HISTORY_DAYS)
    throw new Refusal({ code: 'bad-days', limit: MAX_HISTORY_DAYS })
}

/** Adds whoever is shown by this name, else whoever the handle will be pinned to. */
function addition({ contacts }: Pick<Context, 'contacts'>, name: string): IntentChange {
  const accountKey = contacts.find(name)
  return addAccount({ handle: (accountKey && contacts.get(accountKey)?.handle) ?? name, accountKey })
}
