// The facts of devices and conversations, read from SQLite once and kept while they are in use. Only this process
// writes, so they stay true; a transaction that is rolled back clears them.

import type { DatabaseSync } from 'node:sqlite'
import { bytesKey } from '../../../bytes.js'
import type { CommitsFreeAt } from '../../commit-limits.js'
import type { ConversationFacts, DeviceFacts, Removed, Span } from '../../facts.js'
import type { DeviceId } from '../../store.js'
import { BLOCKED_SQL, type BlockedRow, blockedOf } from './blocked.js'
import { prepare } from './database.js'
import { Lru } from './lru.js'

/** Devices kept in memory; about 300 bytes each. */
const CACHED_DEVICES = 50_000
/** Places on rosters kept in memory, over all conversations kept; about 200 bytes each. */
const CACHED_ROSTER_PLACES = 200_000

/** Counts on as the device sends and its rosters change. */
export type DeviceState = { -readonly [name in keyof DeviceFacts]: DeviceFacts[name] }

interface DeviceRow extends BlockedRow {
  key: number
  account: number
  client_sequence: number
  commits_free_at: number
  conversations: number
}

interface ConversationRow {
  key: number
  id: Uint8Array
  epoch: number
  last_commit: number
  expired_through: number
  expired_shown: number
  creator_id: Uint8Array
  shared_epoch: number
  commits_free_at: number
  account_commits: string
  successor: Uint8Array | null
  successor_sequence: number
}

interface SuccessorRow {
  account: number
  made_at: number
}

interface RemovedRow {
  device: number
  id: Uint8Array
  joined_epoch: number
  sequence: number
  removed_at: number
}

interface RosterRow {
  device: number
  id: Uint8Array
  joined_sequence: number
  left_sequence: number | null
  left_shown: number
  joined_epoch: number
  gone: number
}

const CONVERSATION_SQL = `SELECT conversations.*, devices.id AS creator_id
  FROM conversations JOIN devices ON devices.key = creator`

const statements = (db: DatabaseSync) => ({
  device: prepare<DeviceRow>(
    db,
    `SELECT devices.key AS key, account, client_sequence, commits_free_at, conversations, ${BLOCKED_SQL}
     FROM devices JOIN progress ON device = devices.key JOIN accounts ON accounts.key = account WHERE id = ?`,
  ),
  conversation: prepare<ConversationRow>(db, `${CONVERSATION_SQL} WHERE conversations.id = ?`),
  conversationByKey: prepare<ConversationRow>(db, `${CONVERSATION_SQL} WHERE conversations.key = ?`),
  roster: prepare<RosterRow>(
    db,
    `SELECT device, id, joined_sequence, joined_epoch, left_sequence, left_shown, gone FROM roster JOIN devices ON key = device
     WHERE conversation = ? ORDER BY joined_sequence`,
  ),
  removed: prepare<RemovedRow>(
    db,
    `SELECT device, id, joined_epoch, sequence, removed_at FROM removed JOIN devices ON key = device
     WHERE conversation = ? ORDER BY sequence`,
  ),
  successors: prepare<SuccessorRow>(db, 'SELECT account, made_at FROM successors WHERE conversation = ?'),
})

export class StateCache {
  readonly #sql: ReturnType<typeof statements>
  readonly #devices = new Lru<string, DeviceState>({ capacity: CACHED_DEVICES })
  /** Of the conversations that are kept, by their ids. */
  readonly #keys = new Map<string, number>()
  readonly #conversations = new Lru<number, ConversationFacts>({
    capacity: CACHED_ROSTER_PLACES,
    weigh: ({ spans, removed, commitsFreeAt }) => 1 + spans.size + removed.size + commitsFreeAt.accounts.size,
    forgotten: conversation => void this.#keys.delete(bytesKey(conversation.id)),
  })

  constructor(db: DatabaseSync) {
    this.#sql = statements(db)
  }

  device(id: DeviceId): DeviceState | undefined {
    const name = bytesKey(id)
    const kept = this.#devices.get(name)
    if (kept) return kept
    const row = this.#sql.device.get(id)
    if (!row) return undefined
    const { key, account, client_sequence: clientSequence, conversations } = row
    const counts = { clientSequence, commitsFreeAt: row.commits_free_at, conversations }
    const device = { key, id: id.slice(), account, ...counts, blocked: blockedOf(row) }
    this.#devices.set(name, device)
    return device
  }

  conversation(id: Uint8Array): ConversationFacts | undefined {
    const key = this.#keys.get(bytesKey(id))
    const kept = key === undefined ? undefined : this.#conversations.get(key)
    return kept ?? this.#load(this.#sql.conversation.get(id))
  }

  conversationByKey(key: number): ConversationFacts | undefined {
    return this.#conversations.get(key) ?? this.#load(this.#sql.conversationByKey.get(key))
  }

  /** Keeps a conversation that was made or changed. */
  keep(conversation: ConversationFacts): void {
    this.#conversations.set(conversation.key, conversation)
    this.#keys.set(bytesKey(conversation.id), conversation.key)
  }

  forgetDevice(id: DeviceId): void {
    this.#devices.delete(bytesKey(id))
  }

  forgetConversation(key: number): void {
    this.#conversations.delete(key)
  }

  clear(): void {
    this.#devices.clear()
    this.#conversations.clear()
  }

  #load(row: ConversationRow | undefined): ConversationFacts | undefined {
    if (!row) return undefined
    const { key } = row
    const { roster, removed, successors } = this.#sql
    const makers = row.successor === null ? [] : successors.all(key)
    const conversation = conversationOf(row, { roster: roster.all(key), removed: removed.all(key), makers })
    this.keep(conversation)
    return conversation
  }
}

function conversationOf(
  row: ConversationRow,
  { roster, removed, makers }: { roster: RosterRow[]; removed: RemovedRow[]; makers: SuccessorRow[] },
): ConversationFacts {
  const { key, id, epoch } = row
  return {
    ...{ key, id, epoch, ...placesOf(roster) },
    removed: new Map(removed.map(each => [each.device, removedOf(each)])),
    creator: row.creator_id,
    commitsFreeAt: commitsOf(row),
    successors: successorsOf(row, makers),
    lastCommit: row.last_commit,
    sharedEpoch: row.shared_epoch,
    expiredThrough: row.expired_through,
    expiredShown: row.expired_shown,
  }
}

/** `roster`: each device's times there, the oldest first. */
function placesOf(roster: readonly RosterRow[]): Pick<ConversationFacts, 'members' | 'gone' | 'spans'> {
  const members = new Map<number, DeviceId>()
  const gone = new Map<number, DeviceId>()
  const spans = new Map<number, Span[]>()
  for (const row of roster) {
    const { device, id, joined_sequence: joined, joined_epoch: joinedEpoch, left_shown: leftShown } = row
    const span = { joined, joinedEpoch, left: row.left_sequence ?? undefined, leftShown }
    const earlier = spans.get(device)
    if (earlier) earlier.push(span)
    else spans.set(device, [span])
    if (row.left_sequence === null) members.set(device, id)
    else if (row.gone !== 0) gone.set(device, id)
  }
  return { members, gone, spans }
}

function commitsOf({ commits_free_at: all, account_commits }: ConversationRow): CommitsFreeAt {
  const accounts: [number, number][] = JSON.parse(account_commits)
  return { all, accounts: new Map(accounts) }
}

function removedOf({ id, joined_epoch: joinedEpoch, sequence, removed_at: at }: RemovedRow): Removed {
  return { id, joinedEpoch, sequence, at }
}

function successorsOf(
  { successor: last, successor_sequence: sequence }: ConversationRow,
  makers: readonly SuccessorRow[],
): ConversationFacts['successors'] {
  if (last === null) return undefined
  return { last, sequence, madeAt: new Map(makers.map(maker => [maker.account, maker.made_at])) }
}
