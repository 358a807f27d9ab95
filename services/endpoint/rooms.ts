// Rooms: what a person does with one, as intents of this device (intents.ts).

import { ROOM_NAME_LENGTH, ROOM_TOPIC_LENGTH } from '../protocol/content/lengths.js'
import type { RoomSettings } from '../protocol/conversation/chain/change.js'
import type { ConversationState } from '../protocol/conversation/chain/state.js'
import { isHandle } from '../protocol/identity/handle.js'
import { sameKey } from '../protocol/keys.js'
import { Refusal } from './codes/refusal.js'
import type { KeyTrust } from './contacts/contacts.js'
import type { Context } from './context.js'
import { createRoomGroup, mayFound } from './groups/create.js'
import { addAccount, changeSettings, type IntentChange, intend, removeAccount } from './groups/intents.js'
import { accountsIn, adminKeys, type GroupAccount, isAdmin, isOwn } from './groups/membership.js'
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
  if (!mayFound(context)) throw new Refusal({ code: 'not-registered' })
  const conversation = context.conversations.openRoom(tx, name)
  const settings = { name, topic: '', historyDays }
  const made = await createRoomGroup(context, tx, { conversation, settings })
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
  const { group } = roomOf(context, conversation)
  checkAdmin(context, group)
  for (const wish of wishesFor(context, group, change)) intend(context, tx, group, wish)
}

/** The wishes to commit, in this order. Throws Refusal. */
function wishesFor(
  context: Pick<Context, 'account' | 'contacts' | 'engine'>,
  group: LiveGroup,
  change: RoomChange,
): IntentChange[] {
  const { state } = group.held
  const member = 'handle' in change ? memberCalled(context, group, change.handle) : undefined
  switch (change.kind) {
    case 'invite':
      checkName(context, change.handle)
      if (member) throw new Refusal({ code: 'already-a-member', handle: change.handle })
      return [addition(context, change.handle)]
    case 'remove':
      if (!member) throw new Refusal({ code: 'not-a-member', handle: change.handle })
      if (isOwn(context, member)) throw new Refusal({ code: 'cannot-remove-yourself' })
      return [removeAccount(member.accountKey)]
    case 'admin':
      if (!member) throw new Refusal({ code: 'not-a-member', handle: change.handle })
      if (!change.isAdmin && adminKeys(state).length === 1 && isAdmin(state, member))
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
  const { state } = group.held
  return {
    ...settings,
    members: accountsIn(context, group).map(account => ({
      handle: context.contacts.nameOf(account.accountKey, account.handle),
      isAdmin: isAdmin(state, account),
      devices: account.devices.length,
      trust: context.contacts.trust(account.accountKey),
    })),
    isAdmin: isAdmin(state, { accountKey: context.account.account.publicKey }),
    state: stateOf(group),
  }
}

function stateOf({ phase }: LiveGroup): RoomView['state'] {
  if (phase.name === 'creating') return 'opening'
  return isIn(phase) ? 'ready' : 'ended'
}

/** Throws Refusal for a room that this account is not in any more. */
export function checkMayWrite(
  context: Pick<Context, 'conversations' | 'groups'>,
  conversation: ConversationNumber,
): void {
  if (context.conversations.kind(conversation) !== 'room') return
  if (stateOf(roomOf(context, conversation).group) === 'ended')
    throw new Refusal({ code: 'not-in-room', peer: context.conversations.peer(conversation) })
}

/** The group that carries a room now. Throws Refusal for a conversation that is no room. */
export function roomOf(
  context: Pick<Context, 'groups'>,
  conversation: ConversationNumber,
): { group: LiveGroup; settings: RoomSettings } {
  const [group] = context.groups.of(conversation)
  const settings = group?.held.state.settings
  if (!group || !settings) throw new Refusal({ code: 'not-a-room' })
  return { group, settings }
}

function checkAdmin(
  { account, contacts }: Pick<Context, 'account' | 'contacts'>,
  { held: { state } }: { held: { state: ConversationState } },
): void {
  if (!isAdmin(state, { accountKey: account.account.publicKey }))
    throw new Refusal({ code: 'not-an-admin', admins: adminKeys(state).map(key => contacts.nameOf(key)) })
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
