// What makes a send acceptable: the rules of OutgoingEnvelope, ApplicationEnvelope and CommitBundle in
// the contract. Every check answers with the reason to reject, or undefined.

import { create } from '@bufbuild/protobuf'
import {
  type ApplicationEnvelope,
  type CommitBundle,
  ConversationExistsSchema,
  MalformedSchema,
  NotAMemberSchema,
  type OutgoingEnvelope,
  OutOfOrderSchema,
  type RejectedSend,
  type RejoinRequest,
  StaleEpochSchema,
  StorageFullSchema,
  TooLargeSchema,
  TooManyConversationsSchema,
  TooManyMembersSchema,
  UnknownConversationSchema,
  UnknownDeviceSchema,
} from '../../../../gen/parley/v1/chat_pb.js'
import type { DeviceId } from '../store.js'
import { type ConversationState, type DeviceState, nameOf } from './state.js'

/** The limits of the contract that a store enforces, with the units of LIMITS. */
export type StoreLimits = Record<
  | 'applicationBytes'
  | 'commitBundleBytes'
  | 'devicesPerConversation'
  | 'conversationsPerDevice'
  | 'pastEpochs'
  | 'keyPackagesPerDevice'
  | 'devicesPerAccount',
  number
>

export type Reason = RejectedSend['reason']

const CONVERSATION_ID_BYTES = 16
const DEVICE_ID_BYTES = 32
const REJOIN_NONCE_BYTES = 16
const REJOIN_SIGNATURE_BYTES = 64
/** When to try again after the disk was full. */
const FULL_RETRY_MS = 5_000

export const storageFull = (): Reason => ({
  case: 'storageFull',
  value: create(StorageFullSchema, { retryAfterMs: FULL_RETRY_MS }),
})

export const outOfOrder = (expected: bigint): Reason => ({
  case: 'outOfOrder',
  value: create(OutOfOrderSchema, { expected }),
})

export const notAMember = (): Reason => ({ case: 'notAMember', value: create(NotAMemberSchema) })

const malformed = (detail: string): Reason => ({
  case: 'malformed',
  value: create(MalformedSchema, { detail }),
})

const tooLarge = (limitBytes: number): Reason => ({
  case: 'tooLarge',
  value: create(TooLargeSchema, { limitBytes }),
})

const staleEpoch = (conversation: ConversationState): Reason => ({
  case: 'staleEpoch',
  value: create(StaleEpochSchema, { currentEpoch: BigInt(conversation.epoch) }),
})

/** What holds for every envelope, whatever the state of its conversation. */
export function checkEnvelope(send: OutgoingEnvelope): Reason | undefined {
  if (send.clientSequence === 0n) return malformed('a stored envelope needs a client sequence')
  if (send.conversationId.length !== CONVERSATION_ID_BYTES) {
    return malformed(`a conversation id has ${CONVERSATION_ID_BYTES} bytes`)
  }
  return undefined
}

/** An ephemeral envelope, or none that this server knows. */
export const notStorable = (): Reason =>
  malformed('only applications, commits and rejoin requests are stored')

export function checkApplication(
  envelope: ApplicationEnvelope,
  context: { sender: DeviceState; conversation: ConversationState | undefined; limits: StoreLimits },
): Reason | undefined {
  const { sender, conversation, limits } = context
  if (envelope.ciphertext.length > limits.applicationBytes) return tooLarge(limits.applicationBytes)
  if (envelope.ciphertext.length === 0) return malformed('an application envelope needs a ciphertext')
  const absent = checkMembership(sender, conversation)
  if (absent || !conversation) return absent
  const oldest = Math.max(conversation.sharedEpoch, conversation.epoch - limits.pastEpochs)
  const isKnown = envelope.epoch >= oldest && envelope.epoch <= conversation.epoch
  return isKnown ? undefined : staleEpoch(conversation)
}

/** The signature is for the members to check: they need not believe a server that has. */
export function checkRejoin(
  request: RejoinRequest,
  { sender, conversation }: { sender: DeviceState; conversation: ConversationState | undefined },
): Reason | undefined {
  if (request.nonce.length !== REJOIN_NONCE_BYTES) {
    return malformed(`a rejoin request's nonce has ${REJOIN_NONCE_BYTES} bytes`)
  }
  if (request.signature.length !== REJOIN_SIGNATURE_BYTES) {
    return malformed(`a rejoin request's signature has ${REJOIN_SIGNATURE_BYTES} bytes`)
  }
  if (Buffer.compare(request.deviceId, sender.id) !== 0) {
    return malformed('a rejoin request names another device than its sender')
  }
  return checkMembership(sender, conversation)
}

function checkMembership(
  sender: DeviceState,
  conversation: ConversationState | undefined,
): Reason | undefined {
  if (!conversation) return { case: 'unknownConversation', value: create(UnknownConversationSchema) }
  return conversation.members.has(sender.key) ? undefined : notAMember()
}

export interface CommitContext {
  sender: DeviceState
  conversation: ConversationState | undefined
  limits: StoreLimits
  /** Bytes of the encoded bundle. */
  size: number
  deviceOf(id: DeviceId): DeviceState | undefined
}

export function checkCommit(bundle: CommitBundle, context: CommitContext): Reason | undefined {
  const { sender, conversation, limits, size } = context
  if (size > limits.commitBundleBytes) return tooLarge(limits.commitBundleBytes)
  const shape = checkShape(bundle)
  if (shape) return shape
  if (bundle.creates) {
    if (conversation) return { case: 'conversationExists', value: create(ConversationExistsSchema) }
    if (bundle.epoch !== 0n) return malformed('a conversation begins in epoch 0')
  } else {
    const absent = checkMembership(sender, conversation)
    if (absent || !conversation) return absent
    if (bundle.epoch !== BigInt(conversation.epoch)) return staleEpoch(conversation)
  }
  return checkRoster(bundle, context)
}

/** What can be told from the bundle alone. */
function checkShape(bundle: CommitBundle): Reason | undefined {
  if (bundle.commit.length === 0) return malformed('a commit bundle needs a commit')
  const added = bundle.rosterChange?.addedDeviceIds ?? []
  const removed = bundle.rosterChange?.removedDeviceIds ?? []
  const welcomed = bundle.welcomes.flatMap(welcome => welcome.deviceIds)
  if ([...added, ...removed].some(id => id.length !== DEVICE_ID_BYTES)) {
    return malformed(`a device id has ${DEVICE_ID_BYTES} bytes`)
  }
  if (new Set([...added, ...removed].map(nameOf)).size !== added.length + removed.length) {
    return malformed('the roster change names a device twice')
  }
  if (bundle.welcomes.some(welcome => welcome.welcome.length === 0 || welcome.deviceIds.length === 0)) {
    return malformed('a welcome is empty or for nobody')
  }
  const unwelcomed = new Set(added.map(nameOf))
  const named = welcomed.every(id => unwelcomed.delete(nameOf(id)))
  if (!named || unwelcomed.size > 0) {
    return malformed('the welcomes have to name every added device exactly once')
  }
  return undefined
}

/** Whether the roster, as it is, can change so. */
function checkRoster(bundle: CommitBundle, context: CommitContext): Reason | undefined {
  const { sender, conversation, limits, deviceOf } = context
  const added = bundle.rosterChange?.addedDeviceIds ?? []
  const removed = bundle.rosterChange?.removedDeviceIds ?? []
  const isMember = (key: number | undefined) =>
    key !== undefined && (conversation?.members.has(key) ?? key === sender.key)
  for (const id of removed) {
    const key = deviceOf(id)?.key
    if (!isMember(key)) return malformed('the roster change removes a device that is not a member')
    if (key === sender.key) return malformed('a device cannot remove itself')
  }
  const before = conversation?.members.size ?? 1
  if (before + added.length - removed.length > limits.devicesPerConversation) {
    const limit = limits.devicesPerConversation
    return { case: 'tooManyMembers', value: create(TooManyMembersSchema, { limit }) }
  }
  if (bundle.creates) {
    const full = checkConversations(sender, limits)
    if (full) return full
  }
  for (const id of added) {
    const device = deviceOf(id)
    if (!device || device.blocked === 'revoked')
      return { case: 'unknownDevice', value: create(UnknownDeviceSchema, { deviceId: id }) }
    if (isMember(device.key)) return malformed('the roster change adds a member')
    const full = checkConversations(device, limits)
    if (full) return full
  }
  return undefined
}

function checkConversations(device: DeviceState, limits: StoreLimits): Reason | undefined {
  const limit = limits.conversationsPerDevice
  if (device.conversations < limit) return undefined
  const value = create(TooManyConversationsSchema, { deviceId: device.id, limit })
  return { case: 'tooManyConversations', value }
}
