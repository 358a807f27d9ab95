// One record of the log, and what each device is shown of it.

import { hash } from 'node:crypto'
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
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
  type OutgoingEnvelope,
  OwnEnvelopeSchema,
  type RosterLeave,
  RosterLeaveSchema,
  type Successor,
  SuccessorSchema,
} from '../../../gen/parley/v1/chat_pb.js'
import { type SignedRejoinStatement, SignedRejoinStatementSchema } from '../../../gen/parley/v1/rejoin_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import type { ConversationFacts, DeviceFacts, Numbers } from './facts.js'

/** About what an envelope costs beside its payload, in bytes. */
const OVERHEAD_BYTES = 48
/** About the bytes of an envelope that says how many were missed. */
export const MISSED_BYTES = 48

export interface LogRecord extends Numbers {
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
  /** The envelope for all members but the sender and those added: made once, for the first who reads it. */
  shared?: Envelope
}

type LogBody =
  | { case: 'application'; value: ApplicationEnvelope }
  | { case: 'commit'; value: CommitBundle }
  | { case: 'rejoin'; value: SignedRejoinStatement }
  | { case: 'leave'; value: RosterLeave }
  | { case: 'successor'; value: Successor }

/** The content of an accepted send, apart from the buffers that it came in: those are larger and live shorter. */
export interface Content {
  body: LogBody
  epoch: number
  /** The body's bytes, as a store keeps them. */
  payload: Uint8Array
}

/** The numbers by which stores keep the kinds of records. */
export const KINDS: Record<LogBody['case'], number> = {
  application: 0,
  commit: 1,
  rejoin: 2,
  leave: 3,
  successor: 4,
}

export function applicationContent({ epoch, ciphertext }: ApplicationEnvelope): Content {
  return contentOf(KINDS.application, Number(epoch), ciphertext.slice())
}

/** Of an encoded CommitBundle. */
export function commitContent(payload: Uint8Array): Content {
  const value = fromBinary(CommitBundleSchema, payload)
  return { body: { case: 'commit', value }, epoch: Number(value.epoch), payload }
}

export function rejoinContent(statement: SignedRejoinStatement, epoch: number): Content {
  return contentOf(KINDS.rejoin, epoch, toBinary(SignedRejoinStatementSchema, statement))
}

export function leaveContent(leave: RosterLeave, epoch: number): Content {
  return contentOf(KINDS.leave, epoch, toBinary(RosterLeaveSchema, leave))
}

export function successorContent(
  successor: MessageInitShape<typeof SuccessorSchema>,
  epoch: number,
): Content {
  const payload = toBinary(SuccessorSchema, create(SuccessorSchema, successor))
  return contentOf(KINDS.successor, epoch, payload)
}

/** The content of a record that was kept. */
export function contentOf(kind: number, epoch: number, payload: Uint8Array): Content {
  if (kind === KINDS.commit) return commitContent(payload)
  if (kind === KINDS.rejoin)
    return {
      body: { case: 'rejoin', value: fromBinary(SignedRejoinStatementSchema, payload) },
      epoch,
      payload,
    }
  if (kind === KINDS.leave)
    return { body: { case: 'leave', value: fromBinary(RosterLeaveSchema, payload) }, epoch, payload }
  if (kind === KINDS.successor)
    return { body: { case: 'successor', value: fromBinary(SuccessorSchema, payload) }, epoch, payload }
  const value = create(ApplicationEnvelopeSchema, { epoch: BigInt(epoch), ciphertext: payload })
  return { body: { case: 'application', value }, epoch, payload }
}

/** The size of a record for the limits of a read. */
export function recordSize(payloadLength: number): number {
  return payloadLength + OVERHEAD_BYTES
}

/** The bytes of a send's payload, without encoding it: near enough to bound a queue or a transaction. */
export function payloadBytes({ envelope }: Pick<OutgoingEnvelope, 'envelope'>): number {
  if (envelope.case === 'application') return envelope.value.ciphertext.length
  if (envelope.case !== 'commit') return 0
  const { commit, welcomes } = envelope.value
  return welcomes.reduce((bytes, { welcome }) => bytes + welcome.length, commit.length)
}

/** The envelope that shows a record to a device, within one of its spans in the conversation. */
export function envelopeFor(
  device: DeviceFacts,
  conversation: ConversationFacts,
  record: LogRecord,
): Envelope {
  // The bundle that a successor is of stands as its sender's own in the order of that one.
  if (record.sender === device.key && record.body.case !== 'successor') {
    const clientSequence = BigInt(record.clientSequence)
    return envelope(conversation, record, {
      case: 'own',
      value: create(OwnEnvelopeSchema, { clientSequence, ciphertextHash: hashOf(record) }),
    })
  }
  const added = conversation.spans.get(device.key)?.some(span => span.joined === record.sequence)
  if (added && record.body.case === 'commit') {
    return envelope(conversation, record, welcomeFor(device, record.body.value))
  }
  record.shared ??= envelope(conversation, record, sharedBody(record))
  return record.shared
}

/** OwnEnvelope.ciphertext_hash. */
const hashOf = ({ body }: Pick<LogRecord, 'body'>): Uint8Array =>
  body.case === 'application' ? hash('sha256', body.value.ciphertext, 'buffer') : new Uint8Array()

/** Stands for the envelopes of the conversation that are deleted and that the device had not read. */
export function missedEnvelope(
  conversation: ConversationFacts,
  { shown, count }: { shown: number; count: number },
): Envelope {
  // When the deleted ones were stored is not known any more.
  return envelope(
    conversation,
    { shown, storedAt: 0 },
    {
      case: 'missed',
      value: create(MissedEnvelopesSchema, { count: BigInt(Math.max(1, count)) }),
    },
  )
}

function sharedBody(record: LogRecord): Envelope['envelope'] {
  if (record.body.case !== 'commit') return record.body
  const { epoch, commit, rosterChange, head, headSignature } = record.body.value
  const value = create(DeliveredCommitSchema, {
    ...{ epoch, commit, head, headSignature },
    ...(rosterChange && { rosterChange }),
  })
  return { case: 'commit', value }
}

function welcomeFor(device: DeviceFacts, bundle: CommitBundle): Envelope['envelope'] {
  const mine = bundle.welcomes.find(welcome => welcome.deviceIds.some(id => equalBytes(id, device.id)))
  const value = create(DeliveredWelcomeSchema, {
    welcome: mine?.welcome ?? new Uint8Array(),
    epoch: bundle.epoch + 1n,
    head: bundle.head,
    headSignature: bundle.headSignature,
  })
  return { case: 'welcome', value }
}

function envelope(
  conversation: ConversationFacts,
  place: Pick<LogRecord, 'shown' | 'storedAt'>,
  body: Envelope['envelope'],
): Envelope {
  return create(EnvelopeSchema, {
    conversationId: conversation.id,
    sequence: BigInt(place.shown),
    storedAtMs: BigInt(place.storedAt),
    envelope: body,
  })
}
