// One record of the log, and what each device is shown of it.

import { create, fromBinary } from '@bufbuild/protobuf'
import {
  type ApplicationEnvelope,
  ApplicationEnvelopeSchema,
  type CommitBundle,
  CommitBundleSchema,
  DeliveredCommitSchema,
  DeliveredWelcomeSchema,
  type Envelope,
  EnvelopeSchema,
  MissedEnvelopesSchema,
  OwnEnvelopeSchema,
  type RejoinRequest,
  RejoinRequestSchema,
} from '../../../../gen/parley/v1/chat_pb.js'
import type { ConversationState, DeviceState } from './state.js'

/** About what an envelope costs beside its payload, in bytes. */
const OVERHEAD_BYTES = 48

export interface LogRecord {
  sequence: number
  /** The key of the conversation. */
  conversation: number
  /** The key of the device that sent it. */
  sender: number
  clientSequence: number
  /** Milliseconds since 1970-01-01 UTC. */
  storedAt: number
  /** Bytes, for the limits of a read and of the tail. */
  size: number
  body: LogBody
  /** What all members but the sender and those added are shown: made once, for the first who reads it. */
  shared?: Envelope
}

export type LogBody =
  | { case: 'application'; value: ApplicationEnvelope }
  | { case: 'commit'; value: CommitBundle }
  | { case: 'rejoin'; value: RejoinRequest }

/** The column `kind` of the table `log`. */
export const KINDS: Record<LogBody['case'], number> = { application: 0, commit: 1, rejoin: 2 }

/** A row of the table `log`. */
export interface LogRow {
  sequence: number
  conversation: number
  sender: number
  client_sequence: number
  stored_at: number
  epoch: number
  kind: number
  payload: Uint8Array
}

export function recordSize(payloadBytes: number): number {
  return payloadBytes + OVERHEAD_BYTES
}

export function recordOf(row: LogRow): LogRecord {
  return {
    sequence: row.sequence,
    conversation: row.conversation,
    sender: row.sender,
    clientSequence: row.client_sequence,
    storedAt: row.stored_at,
    size: recordSize(row.payload.length),
    body: bodyOf(row),
  }
}

function bodyOf({ kind, epoch, payload }: LogRow): LogBody {
  if (kind === KINDS.application) return { case: 'application', value: applicationEnvelope(epoch, payload) }
  if (kind === KINDS.commit) return { case: 'commit', value: fromBinary(CommitBundleSchema, payload) }
  return { case: 'rejoin', value: fromBinary(RejoinRequestSchema, payload) }
}

export function applicationEnvelope(epoch: number, ciphertext: Uint8Array): ApplicationEnvelope {
  return create(ApplicationEnvelopeSchema, { epoch: BigInt(epoch), ciphertext })
}

/** What a device of the conversation is shown of a record within one of its spans. */
export function envelopeFor(
  device: DeviceState,
  conversation: ConversationState,
  record: LogRecord,
): Envelope {
  if (record.sender === device.key) {
    const clientSequence = BigInt(record.clientSequence)
    return envelope(conversation, record, {
      case: 'own',
      value: create(OwnEnvelopeSchema, { clientSequence }),
    })
  }
  const added = conversation.spans.get(device.key)?.some(span => span.joined === record.sequence)
  if (added && record.body.case === 'commit') {
    return envelope(conversation, record, welcomeFor(device, record.body.value))
  }
  record.shared ??= envelope(conversation, record, sharedBody(record))
  return record.shared
}

export function missedEnvelope(conversation: ConversationState, sequence: number, count: number): Envelope {
  // When the deleted ones were stored is not known any more.
  const place = { sequence, storedAt: 0 }
  return envelope(conversation, place, {
    case: 'missed',
    value: create(MissedEnvelopesSchema, { count: BigInt(Math.max(1, count)) }),
  })
}

function sharedBody(record: LogRecord): Envelope['envelope'] {
  if (record.body.case !== 'commit') return record.body
  const { epoch, commit, rosterChange } = record.body.value
  const value = create(DeliveredCommitSchema, { epoch, commit, ...(rosterChange && { rosterChange }) })
  return { case: 'commit', value }
}

function welcomeFor(device: DeviceState, bundle: CommitBundle): Envelope['envelope'] {
  const mine = bundle.welcomes.find(welcome =>
    welcome.deviceIds.some(id => Buffer.compare(id, device.id) === 0),
  )
  const value = create(DeliveredWelcomeSchema, {
    welcome: mine?.welcome ?? new Uint8Array(),
    epoch: bundle.epoch + 1n,
  })
  return { case: 'welcome', value }
}

function envelope(
  conversation: ConversationState,
  place: { sequence: number; storedAt: number },
  body: Envelope['envelope'],
): Envelope {
  return create(EnvelopeSchema, {
    conversationId: conversation.id,
    sequence: BigInt(place.sequence),
    storedAtMs: BigInt(place.storedAt),
    envelope: body,
  })
}
