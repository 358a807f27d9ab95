// Decides on sends and writes those that are accepted. Runs within the writer's transactions.

import type { DatabaseSync } from 'node:sqlite'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type ApplicationEnvelope,
  type CommitBundle,
  CommitBundleSchema,
  type OutgoingEnvelope,
  type RejoinRequest,
  RejoinRequestSchema,
} from '../../../../gen/parley/v1/chat_pb.js'
import type { AppendOutcome, Cursor, DeviceId } from '../store.js'
import { BEGINNING, encodeCursor } from './cursor.js'
import { prepare } from './database.js'
import { applicationEnvelope, KINDS, type LogRecord, recordSize } from './record.js'
import { createRosterWriter } from './roster.js'
import {
  checkApplication,
  checkCommit,
  checkEnvelope,
  checkRejoin,
  notAMember,
  notStorable,
  outOfOrder,
  type Reason,
  type StoreLimits,
} from './rules.js'
import type { Sequence } from './sequence.js'
import type { ConversationState, DeviceState, State } from './state.js'

/** What a transaction has appended, for the readers. */
export interface Appended {
  conversation: ConversationState
  record: LogRecord
  /** Keys of the devices that read this one and nothing after it. */
  removed: number[]
}

export interface AppenderOptions {
  db: DatabaseSync
  state: State
  sequence: Sequence
  limits: StoreLimits
  now: () => number
  /** Called for each record, before its transaction has ended. */
  appended(appended: Appended): void
}

export type Append = (device: DeviceId, sends: readonly OutgoingEnvelope[]) => AppendOutcome[]

/** A send that holds a record's content, and all that is looked up for it. */
interface Candidate {
  sender: DeviceState
  send: OutgoingEnvelope
  conversation: ConversationState | undefined
}

const ACCEPTED: AppendOutcome = { accepted: true }

export function createAppender(options: AppenderOptions): Append {
  const { db, state, sequence, limits, now } = options
  const roster = createRosterWriter(db, state)
  const insert = prepare(db, 'INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
  const advance = prepare(db, 'UPDATE progress SET client_sequence = ? WHERE device = ?')

  function appendOne(sender: DeviceState, send: OutgoingEnvelope): AppendOutcome {
    const malformed = checkEnvelope(send)
    if (malformed) return rejected(malformed)
    const expected = BigInt(sender.clientSequence) + 1n
    if (send.clientSequence < expected) return ACCEPTED
    if (send.clientSequence > expected) return rejected(outOfOrder(expected))
    const candidate = { sender, send, conversation: state.conversation(send.conversationId) }
    const reason = store(candidate)
    if (reason) return rejected(reason, candidate.conversation)
    sender.clientSequence += 1
    return ACCEPTED
  }

  function store(candidate: Candidate): Reason | undefined {
    const { envelope } = candidate.send
    if (envelope.case === 'application') return storeApplication(candidate, envelope.value)
    if (envelope.case === 'commit') return storeCommit(candidate, envelope.value)
    if (envelope.case === 'rejoin') return storeRejoin(candidate, envelope.value)
    return notStorable()
  }

  function storeApplication(candidate: Candidate, envelope: ApplicationEnvelope): Reason | undefined {
    const { conversation, sender } = candidate
    const reason = checkApplication(envelope, { sender, conversation, limits })
    if (reason || !conversation) return reason
    // A copy: the record outlives the call, and the call's bytes are part of a larger buffer.
    const ciphertext = envelope.ciphertext.slice()
    const epoch = Number(envelope.epoch)
    const body = { case: 'application', value: applicationEnvelope(epoch, ciphertext) } as const
    const record = recordFor(candidate, conversation, { body, size: recordSize(ciphertext.length) })
    write(record, epoch, ciphertext)
    options.appended({ conversation, record, removed: [] })
    return undefined
  }

  function storeCommit(candidate: Candidate, bundle: CommitBundle): Reason | undefined {
    const { conversation: before, sender } = candidate
    const payload = toBinary(CommitBundleSchema, bundle)
    const context = { sender, conversation: before, limits, size: payload.length, deviceOf: state.device }
    const reason = checkCommit(bundle, context)
    if (reason) return reason
    const conversation = before ?? roster.create(candidate.send.conversationId)
    const body = { case: 'commit', value: fromBinary(CommitBundleSchema, payload) } as const
    const record = recordFor(candidate, conversation, { body, size: recordSize(payload.length) })
    write(record, Number(bundle.epoch), payload)
    const removed = roster.apply({ conversation, sender, bundle, sequence: record.sequence })
    options.appended({ conversation, record, removed })
    return undefined
  }

  function storeRejoin(candidate: Candidate, request: RejoinRequest): Reason | undefined {
    const { conversation } = candidate
    const reason = checkRejoin(request, candidate)
    if (reason || !conversation) return reason
    const payload = toBinary(RejoinRequestSchema, request)
    const body = { case: 'rejoin', value: fromBinary(RejoinRequestSchema, payload) } as const
    const record = recordFor(candidate, conversation, { body, size: recordSize(payload.length) })
    write(record, conversation.epoch, payload)
    options.appended({ conversation, record, removed: [] })
    return undefined
  }

  function recordFor(
    { sender, send }: Candidate,
    conversation: ConversationState,
    content: Pick<LogRecord, 'body' | 'size'>,
  ): LogRecord {
    return {
      sequence: sequence.next(),
      conversation: conversation.key,
      sender: sender.key,
      clientSequence: Number(send.clientSequence),
      storedAt: now(),
      ...content,
    }
  }

  function write(record: LogRecord, epoch: number, payload: Uint8Array): void {
    const { sequence, conversation, sender, clientSequence, storedAt, body } = record
    insert.run(sequence, conversation, sender, clientSequence, storedAt, epoch, KINDS[body.case], payload)
  }

  return (device, sends) => {
    const sender = state.device(device)
    if (!sender || sender.blocked) return sends.map(() => rejected(notAMember()))
    const before = sender.clientSequence
    const outcomes = sends.map(send => appendOne(sender, send))
    if (sender.clientSequence !== before) advance.run(sender.clientSequence, sender.key)
    return outcomes
  }
}

/** `after`: past the commit that the sender may not know of, which explains the rejection. */
function rejected(reason: Reason, conversation?: ConversationState): AppendOutcome {
  const after: Cursor = conversation ? encodeCursor(conversation.lastCommit) : BEGINNING
  return { accepted: false, reason, after }
}
