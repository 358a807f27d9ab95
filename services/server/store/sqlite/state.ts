// What the store knows of devices and conversations, read from SQLite once and kept while it is in use.
// Only this process writes, so what is kept stays true; a transaction that is rolled back clears it.

import type { DatabaseSync } from 'node:sqlite'
import type { Blocked, DeviceId } from '../store.js'
import { BLOCKED_SQL, type BlockedRow, blockedOf } from './blocked.js'
import { prepare } from './database.js'
import { createLru } from './lru.js'

/** Devices kept in memory; about 300 bytes each. */
const CACHED_DEVICES = 50_000
/** Places on rosters kept in memory, over all conversations kept; about 200 bytes each. */
const CACHED_ROSTER_PLACES = 200_000

export interface DeviceState {
  key: number
  id: DeviceId
  /** The highest accepted client sequence. */
  clientSequence: number
  /** How many conversations it is in. */
  conversations: number
  /** Nothing is taken from it nor shown to it; its places on rosters stay until members remove it. */
  blocked: Blocked | undefined
}

/** From where a device was added to where it was removed: it reads both of these and all between. */
export interface Span {
  joined: number
  left: number | undefined
}

export interface ConversationState {
  key: number
  id: Uint8Array
  epoch: number
  /** The sequence of the last commit. */
  lastCommit: number
  /** The oldest epoch that all members have the keys of: the one in which the last of them came. */
  sharedEpoch: number
  /** Envelopes up to here are deleted. */
  expiredThrough: number
  /** Who is on the roster now. */
  members: Map<number, DeviceId>
  /** When each device was a member, oldest first; also those who have left and not read all of it. */
  spans: Map<number, Span[]>
}

export interface State {
  device(id: DeviceId): DeviceState | undefined
  conversation(id: Uint8Array): ConversationState | undefined
  conversationByKey(key: number): ConversationState | undefined
  /** Keeps a conversation that was made or whose roster changed. */
  keep(conversation: ConversationState): void
  forgetDevice(id: DeviceId): void
  forgetConversation(key: number): void
  clear(): void
}

/** Bytes as a key of a Map. */
export function nameOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

interface DeviceRow extends BlockedRow {
  key: number
  client_sequence: number
  conversations: number
}

interface ConversationRow {
  key: number
  id: Uint8Array
  epoch: number
  last_commit: number
  expired_through: number
  shared_epoch: number
}

interface RosterRow {
  device: number
  id: Uint8Array
  joined_sequence: number
  left_sequence: number | null
}

export function createState(db: DatabaseSync): State {
  const selectDevice = prepare<DeviceRow>(
    db,
    `SELECT devices.key AS key, client_sequence, conversations, ${BLOCKED_SQL}
     FROM devices JOIN progress ON device = devices.key JOIN accounts ON accounts.key = account WHERE id = ?`,
  )
  const selectConversation = prepare<ConversationRow>(db, 'SELECT * FROM conversations WHERE id = ?')
  const selectConversationByKey = prepare<ConversationRow>(db, 'SELECT * FROM conversations WHERE key = ?')
  const selectRoster = prepare<RosterRow>(
    db,
    `SELECT device, id, joined_sequence, left_sequence FROM roster JOIN devices ON key = device
     WHERE conversation = ? ORDER BY joined_sequence`,
  )
  const devices = createLru<string, DeviceState>({ capacity: CACHED_DEVICES })
  const keys = new Map<string, number>()
  const conversations = createLru<number, ConversationState>({
    capacity: CACHED_ROSTER_PLACES,
    weigh: conversation => 1 + conversation.spans.size,
    forgotten: conversation => keys.delete(nameOf(conversation.id)),
  })

  function keep(conversation: ConversationState): void {
    conversations.set(conversation.key, conversation)
    keys.set(nameOf(conversation.id), conversation.key)
  }

  function load(row: ConversationRow | undefined): ConversationState | undefined {
    if (!row) return undefined
    const conversation = conversationOf(row, selectRoster.all(row.key))
    keep(conversation)
    return conversation
  }

  return {
    device: id => {
      const name = nameOf(id)
      const kept = devices.get(name)
      if (kept) return kept
      const row = selectDevice.get(id)
      if (!row) return undefined
      const { key, client_sequence: clientSequence, conversations } = row
      const blocked = blockedOf(row)
      const device: DeviceState = { key, id: id.slice(), clientSequence, conversations, blocked }
      devices.set(name, device)
      return device
    },
    conversation: id => {
      const key = keys.get(nameOf(id))
      return (key === undefined ? undefined : conversations.get(key)) ?? load(selectConversation.get(id))
    },
    conversationByKey: key => conversations.get(key) ?? load(selectConversationByKey.get(key)),
    keep,
    forgetDevice: id => devices.delete(nameOf(id)),
    forgetConversation: key => conversations.delete(key),
    clear: () => {
      devices.clear()
      conversations.clear()
    },
  }
}

function conversationOf(row: ConversationRow, roster: readonly RosterRow[]): ConversationState {
  const conversation: ConversationState = {
    key: row.key,
    id: row.id,
    epoch: row.epoch,
    lastCommit: row.last_commit,
    sharedEpoch: row.shared_epoch,
    expiredThrough: row.expired_through,
    members: new Map(),
    spans: new Map(),
  }
  for (const place of roster) {
    const span = { joined: place.joined_sequence, left: place.left_sequence ?? undefined }
    addSpan(conversation, place.device, span)
    if (span.left === undefined) conversation.members.set(place.device, place.id)
  }
  return conversation
}

/** Notes a further time of membership, after those noted before. */
export function addSpan(conversation: ConversationState, device: number, span: Span): void {
  const spans = conversation.spans.get(device)
  if (spans) spans.push(span)
  else conversation.spans.set(device, [span])
}
