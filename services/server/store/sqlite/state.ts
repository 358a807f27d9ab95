// What the store knows of devices and conversations, read from SQLite once and kept while it is in use.
// Only this process writes, so what is kept stays true; a transaction that is rolled back clears it.

import type { DatabaseSync } from 'node:sqlite'
import { bytesKey } from '../../bytes.js'
import type { ConversationFacts, DeviceFacts, Span } from '../facts.js'
import type { DeviceId } from '../store.js'
import { BLOCKED_SQL, type BlockedRow, blockedOf } from './accounts/blocked.js'
import { prepare } from './database.js'
import { createLru } from './lru.js'

/** Devices kept in memory; about 300 bytes each. */
const CACHED_DEVICES = 50_000
/** Places on rosters kept in memory, over all conversations kept; about 200 bytes each. */
const CACHED_ROSTER_PLACES = 200_000

/** Counts on as the device sends and its rosters change. */
export type DeviceState = { -readonly [name in keyof DeviceFacts]: DeviceFacts[name] }

export interface State {
  device(id: DeviceId): DeviceState | undefined
  conversation(id: Uint8Array): ConversationFacts | undefined
  conversationByKey(key: number): ConversationFacts | undefined
  /** Keeps a conversation that was made or whose roster changed. */
  keep(conversation: ConversationFacts): void
  forgetDevice(id: DeviceId): void
  forgetConversation(key: number): void
  clear(): void
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
  const conversations = createLru<number, ConversationFacts>({
    capacity: CACHED_ROSTER_PLACES,
    weigh: conversation => 1 + conversation.spans.size,
    forgotten: conversation => keys.delete(bytesKey(conversation.id)),
  })

  function keep(conversation: ConversationFacts): void {
    conversations.set(conversation.key, conversation)
    keys.set(bytesKey(conversation.id), conversation.key)
  }

  function load(row: ConversationRow | undefined): ConversationFacts | undefined {
    if (!row) return undefined
    const conversation = conversationOf(row, selectRoster.all(row.key))
    keep(conversation)
    return conversation
  }

  return {
    device: id => {
      const name = bytesKey(id)
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
      const key = keys.get(bytesKey(id))
      return (key === undefined ? undefined : conversations.get(key)) ?? load(selectConversation.get(id))
    },
    conversationByKey: key => conversations.get(key) ?? load(selectConversationByKey.get(key)),
    keep,
    forgetDevice: id => devices.delete(bytesKey(id)),
    forgetConversation: key => conversations.delete(key),
    clear: () => {
      devices.clear()
      conversations.clear()
    },
  }
}

function conversationOf(row: ConversationRow, roster: readonly RosterRow[]): ConversationFacts {
  const members = new Map<number, DeviceId>()
  const spans = new Map<number, Span[]>()
  for (const { device, id, joined_sequence: joined, left_sequence: left } of roster) {
    const span = { joined, left: left ?? undefined }
    const earlier = spans.get(device)
    if (earlier) earlier.push(span)
    else spans.set(device, [span])
    if (left === null) members.set(device, id)
  }
  const { key, id, epoch } = row
  return {
    ...{ key, id, epoch, members, spans },
    lastCommit: row.last_commit,
    sharedEpoch: row.shared_epoch,
    expiredThrough: row.expired_through,
  }
}
