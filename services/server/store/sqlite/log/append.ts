// Writes the sends that are accepted, each with what it does. Runs within the writer's transactions.

import type { DatabaseSync } from 'node:sqlite'
import type { OutgoingEnvelope } from '../../../../../gen/parley/v1/chat_pb.js'
import {
  type ConversationChange,
  type ConversationFacts,
  changedBy,
  newConversation,
  succeededBy,
} from '../../facts.js'
import { type Content, KINDS, type LogRecord, recordSize } from '../../log-record.js'
import { type Decision, decide, type SendFacts, type StoreLimits, type Succession } from '../../rules.js'
import type { AppendOutcome, DeviceId } from '../../store.js'
import { prepare } from '../database/database.js'
import type { DeviceState, StateCache } from '../database/state.js'
import type { Sequence } from './sequence.js'
import type { ShownSequences } from './shown-sequences.js'

/** One record that a transaction has appended, for the readers. */
export interface Appended {
  /** As the record has left it. */
  conversation: ConversationFacts
  record: LogRecord
  /** Keys of the devices that read this one and nothing after it. */
  removed: number[]
}

interface AppenderOptions {
  db: DatabaseSync
  state: StateCache
  sequence: Sequence
  shown: ShownSequences
  limits: StoreLimits
  now: () => number
  /** Called for each record, before its transaction has ended. */
  appended(appended: Appended): void
}

const ACCEPTED: AppendOutcome = { accepted: true }

const statements = (db: DatabaseSync) => ({
  insert: prepare(db, 'INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'),
  insertConversation: prepare(
    db,
    'INSERT INTO conversations (id, creator, epoch, last_commit) VALUES (?, ?, 0, 0)',
  ),
  setEpoch: prepare(
    db,
    `UPDATE conversations SET epoch = ?, last_commit = ?, shared_epoch = ?, commits_free_at = ?, account_commits = ?
     WHERE key = ?`,
  ),
  succeed: prepare(db, 'UPDATE conversations SET successor = ?, successor_sequence = ? WHERE key = ?'),
  mayAgain: prepare(db, 'DELETE FROM successors WHERE conversation = ? AND account = ?'),
  made: prepare(db, 'INSERT OR REPLACE INTO successors VALUES (?, ?, ?)'),
  forget: prepare(db, 'DELETE FROM removed WHERE conversation = ? AND device = ?'),
  remember: prepare(db, 'INSERT OR REPLACE INTO removed VALUES (?, ?, ?, ?, ?)'),
  join: prepare(
    db,
    'INSERT INTO roster (conversation, device, joined_sequence, joined_epoch) VALUES (?, ?, ?, ?)',
  ),
  leave: prepare(
    db,
    'UPDATE roster SET left_sequence = ?, left_shown = ?, gone = ? WHERE conversation = ? AND device = ? AND left_sequence IS NULL',
  ),
  clear: prepare(db, 'UPDATE roster SET gone = 0 WHERE conversation = ? AND device = ?'),
  advance: prepare(db, 'UPDATE progress SET client_sequence = ?, commits_free_at = ? WHERE device = ?'),
  countConversations: prepare(db, 'UPDATE progress SET conversations = ? WHERE device = ?'),
})

export class Appender {
  readonly #options: AppenderOptions
  readonly #sql: ReturnType<typeof statements>
  readonly #lookUps: Pick<SendFacts, 'deviceOf' | 'conversationOf'>

  constructor(options: AppenderOptions) {
    this.#options = options
    this.#sql = statements(options.db)
    this.#lookUps = {
      deviceOf: id => options.state.device(id),
      conversationOf: id => options.state.conversation(id),
    }
  }

  append(device: DeviceId, sends: readonly OutgoingEnvelope[]): AppendOutcome[] {
    const sender = this.#options.state.device(device)
    const before = sender?.clientSequence
    const outcomes = sends.map(send => this.#appendOne(sender, send))
    if (sender && sender.clientSequence !== before)
      this.#sql.advance.run(sender.clientSequence, sender.commitsFreeAt, sender.key)
    return outcomes
  }

  #appendOne(sender: DeviceState | undefined, send: OutgoingEnvelope): AppendOutcome {
    const { state, limits, now } = this.#options
    const conversation = state.conversation(send.conversationId)
    const { deviceOf, conversationOf } = this.#lookUps
    const decision = decide(send, { sender, conversation, limits, now: now(), deviceOf, conversationOf })
    if (decision.case === 'rejected') return outcomeOf(decision)
    if (decision.case === 'accepted' && sender) {
      sender.clientSequence += 1
      this.#carryOut(decision, sender, conversation ?? this.#create(send.conversationId, sender))
    }
    return ACCEPTED
  }

  #create(id: Uint8Array, { key, id: creator }: DeviceState): ConversationFacts {
    const { lastInsertRowid } = this.#sql.insertConversation.run(id, key)
    return newConversation(Number(lastInsertRowid), { id, creator })
  }

  #carryOut(
    { content, change, succeeds }: Extract<Decision, { case: 'accepted' }>,
    sender: DeviceState,
    before: ConversationFacts,
  ): void {
    sender.commitsFreeAt = change?.commitsFreeAt?.sender ?? sender.commitsFreeAt
    if (succeeds) this.#succeed(succeeds, sender, before)
    const record = this.#record(content, sender, before)
    const conversation = change ? this.#change(before, change, record) : before
    this.#options.appended({ conversation, record, removed: change?.left.map(({ key }) => key) ?? [] })
  }

  /** The order of the old conversation says that the new one takes its place, before there is anything of that one. */
  #succeed(
    { conversation: old, content, back }: Succession,
    sender: DeviceState,
    { id }: ConversationFacts,
  ): void {
    const { appended, state, now } = this.#options
    const record = this.#record(content, sender, old)
    const { sequence } = record
    const conversation = succeededBy(old, { id, sequence, account: sender.account, now: now(), back })
    for (const [key, { joinedEpoch }] of back) this.#sql.join.run(old.key, key, sequence, joinedEpoch)
    this.#noteSuccessor(old, conversation)
    this.#noteRemoved(old, conversation)
    state.keep(conversation)
    if (old.members.size === 0) this.#count(old.creator, 1)
    appended({ conversation, record, removed: [] })
  }

  #noteSuccessor({ key, successors: before }: ConversationFacts, { successors }: ConversationFacts): void {
    if (!successors) return
    this.#sql.succeed.run(successors.last, successors.sequence, key)
    for (const account of before?.madeAt.keys() ?? [])
      if (!successors.madeAt.has(account)) this.#sql.mayAgain.run(key, account)
    for (const [account, madeAt] of successors.madeAt)
      if (before?.madeAt.get(account) !== madeAt) this.#sql.made.run(key, account, madeAt)
  }

  #noteRemoved({ key, removed: before }: ConversationFacts, { removed }: ConversationFacts): void {
    if (removed === before) return
    for (const device of before.keys()) if (!removed.has(device)) this.#sql.forget.run(key, device)
    for (const [device, place] of removed)
      if (before.get(device) !== place)
        this.#sql.remember.run(key, device, place.joinedEpoch, place.sequence, place.at)
  }

  #record(content: Content, sender: DeviceState, { key: conversation }: ConversationFacts): LogRecord {
    const { epoch, payload, body } = content
    const storedAt = this.#options.now()
    const record: LogRecord = {
      sequence: this.#options.sequence.next(),
      shown: this.#options.shown.next(conversation, storedAt),
      conversation,
      sender: sender.key,
      clientSequence: sender.clientSequence,
      storedAt,
      size: recordSize(content.payload.length),
      body,
    }
    const { sequence, shown, clientSequence } = record
    this.#sql.insert.run(
      sequence,
      conversation,
      shown,
      sender.key,
      clientSequence,
      storedAt,
      epoch,
      KINDS[body.case],
      payload,
    )
    return record
  }

  #change(before: ConversationFacts, change: ConversationChange, record: LogRecord): ConversationFacts {
    const { sequence, shown } = record
    for (const { key } of change.cleared) this.#sql.clear.run(before.key, key)
    const gone = change.by === 'leave' ? 1 : 0
    for (const { key } of change.left) this.#sql.leave.run(sequence, shown, gone, before.key, key)
    for (const { key } of change.joined) this.#sql.join.run(before.key, key, sequence, change.epoch)
    const after = changedBy(before, change, record)
    this.#noteRemoved(before, after)
    this.#setEpoch(after)
    this.#options.state.keep(after)
    if (change.creates) this.#count(after.creator, 1)
    if (after.members.size === 0) this.#count(after.creator, -1)
    return after
  }

  #setEpoch({ key, epoch, lastCommit, sharedEpoch, commitsFreeAt }: ConversationFacts): void {
    const accounts = JSON.stringify([...commitsFreeAt.accounts])
    this.#sql.setEpoch.run(epoch, lastCommit, sharedEpoch, commitsFreeAt.all, accounts, key)
  }

  #count(id: DeviceId, by: number): void {
    const device = this.#options.state.device(id)
    if (!device) throw new Error('a conversation was created by an unknown device')
    device.conversations += by
    this.#sql.countConversations.run(device.conversations, device.key)
  }
}

function outcomeOf({ reason, after }: Extract<Decision, { case: 'rejected' }>): AppendOutcome {
  return { accepted: false, reason, ...(after === undefined ? {} : { after }) }
}
