// Decides on a send: the rules of Send, OutgoingEnvelope and ApplicationEnvelope in the contract, decided here
// once for every store. A store gives the facts, carries out what is accepted, and decides nothing itself.

import { toBinary } from '@bufbuild/protobuf'
import {
  type ApplicationEnvelope,
  type CommitBundle,
  CommitBundleSchema,
  type OutgoingEnvelope,
  type RejoinRequest,
  type RosterLeave,
} from '../../../gen/parley/v1/chat_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { CONVERSATION_ID_BYTES, NONCE_BYTES, SIGNATURE_BYTES } from '../../protocol/sizes.js'
import { checkCommit, conversationChange } from './commit-rules.js'
import type { ConversationChange, ConversationFacts, DeviceFacts } from './facts.js'
import { applicationContent, type Content, commitContent, leaveContent, rejoinContent } from './log-record.js'
import {
  malformed,
  notAMember,
  outOfOrder,
  type Reason,
  staleEpoch,
  tooLarge,
  unknownConversation,
} from './reasons.js'
import type { DeviceId } from './store.js'

/** The limits of the contract that a store enforces, with the units of LIMITS. */
export type StoreLimits = Record<
  | 'applicationBytes'
  | 'commitBundleBytes'
  | 'devicesPerConversation'
  | 'conversationsPerDevice'
  | 'pastEpochs'
  | 'keyPackagesPerDevice'
  | 'devicesPerAccount'
  | 'accountBytes',
  number
>

/** A decision rests on these and on nothing else. */
export interface SendFacts {
  /** undefined: the device that sends is not registered. */
  sender: DeviceFacts | undefined
  /** The one that the send names, if it exists. */
  conversation: ConversationFacts | undefined
  limits: StoreLimits
  /** Devices that the send names. */
  deviceOf(id: DeviceId): DeviceFacts | undefined
}

export type Decision =
  /** It was accepted before, and is told so again; nothing is stored. */
  | { case: 'repeated' }
  /** `after`: the sequence of the commit that won, where the sender has to read up to there first. */
  | { case: 'rejected'; reason: Reason; after?: number }
  /** The sender's client sequence goes up by one, the content is stored, and a commit changes the conversation. */
  | { case: 'accepted'; content: Content; change?: ConversationChange }

const REPEATED: Decision = { case: 'repeated' }
const rejected = (reason: Reason): Decision => ({ case: 'rejected', reason })

/** Decides on a device's next send. A device that is not registered, or is blocked, is a member nowhere. */
export function decide(send: OutgoingEnvelope, facts: SendFacts): Decision {
  const { sender } = facts
  if (!sender || sender.blocked) return rejected(notAMember())
  if (send.clientSequence === 0n) return rejected(malformed('a stored envelope needs a client sequence'))
  if (send.conversationId.length !== CONVERSATION_ID_BYTES)
    return rejected(malformed(`a conversation id has ${CONVERSATION_ID_BYTES} bytes`))
  const expected = BigInt(sender.clientSequence) + 1n
  if (send.clientSequence < expected) return REPEATED
  if (send.clientSequence > expected) return rejected(outOfOrder(expected))
  switch (send.envelope.case) {
    case 'application':
      return decideApplication(send.envelope.value, sender, facts)
    case 'commit':
      return decideCommit(send.envelope.value, sender, facts)
    case 'rejoin':
      return decideRejoin(send.envelope.value, sender, facts)
    case 'leave':
      return decideLeave(send.envelope.value, sender, facts)
    default:
      return rejected(malformed('only applications, commits, rejoin requests and leaves are stored'))
  }
}

function decideApplication(
  envelope: ApplicationEnvelope,
  sender: DeviceFacts,
  { conversation, limits }: SendFacts,
): Decision {
  if (envelope.ciphertext.length > limits.applicationBytes) return rejected(tooLarge(limits.applicationBytes))
  if (envelope.ciphertext.length === 0)
    return rejected(malformed('an application envelope needs a ciphertext'))
  if (!conversation) return rejected(unknownConversation())
  if (!conversation.members.has(sender.key)) return rejected(notAMember())
  const oldest = Math.max(conversation.sharedEpoch, conversation.epoch - limits.pastEpochs)
  if (envelope.epoch < oldest || envelope.epoch > conversation.epoch) return stale(conversation)
  return { case: 'accepted', content: applicationContent(envelope) }
}

function decideCommit(bundle: CommitBundle, sender: DeviceFacts, facts: SendFacts): Decision {
  const { conversation, limits, deviceOf } = facts
  const payload = toBinary(CommitBundleSchema, bundle)
  if (payload.length > limits.commitBundleBytes) return rejected(tooLarge(limits.commitBundleBytes))
  const reason = checkCommit(bundle, { sender, conversation, limits, deviceOf })
  if (reason?.case === 'staleEpoch' && conversation) return stale(conversation)
  if (reason) return rejected(reason)
  const change = conversationChange(bundle, { sender, conversation, deviceOf })
  return { case: 'accepted', content: commitContent(payload), change }
}

function decideRejoin(request: RejoinRequest, sender: DeviceFacts, { conversation }: SendFacts): Decision {
  const reason = checkSigned('a rejoin request', request, sender)
  if (reason) return rejected(reason)
  if (!conversation) return rejected(unknownConversation())
  if (!conversation.members.has(sender.key)) return rejected(notAMember())
  return { case: 'accepted', content: rejoinContent(request, conversation.epoch) }
}

/** It leaves the membership that it names: one who was removed and added again since has not said that of the new one. */
function decideLeave(leave: RosterLeave, sender: DeviceFacts, { conversation }: SendFacts): Decision {
  const reason = checkSigned('a leave', leave, sender)
  if (reason) return rejected(reason)
  if (!conversation) return rejected(unknownConversation())
  if (!conversation.members.has(sender.key)) return rejected(notAMember())
  const { epoch, sharedEpoch } = conversation
  if (leave.epoch !== BigInt(conversation.spans.get(sender.key)?.at(-1)?.joinedEpoch ?? 0))
    return stale(conversation)
  const content = leaveContent(leave, epoch)
  const nobody = { joined: [], cleared: [] }
  const change = { by: 'leave', creates: false, epoch, sharedEpoch, left: [sender], ...nobody } as const
  return { case: 'accepted', content, change }
}

/** The signature is for the members to check: they need not believe a server that has. */
function checkSigned(
  what: string,
  { nonce, signature, deviceId }: Pick<RejoinRequest, 'nonce' | 'signature' | 'deviceId'>,
  sender: DeviceFacts,
): Reason | undefined {
  if (nonce.length !== NONCE_BYTES) return malformed(`${what}'s nonce has ${NONCE_BYTES} bytes`)
  if (signature.length !== SIGNATURE_BYTES)
    return malformed(`${what}'s signature has ${SIGNATURE_BYTES} bytes`)
  return equalBytes(deviceId, sender.id)
    ? undefined
    : malformed(`${what} names another device than its sender`)
}

/** The sender may not know of the last commit, which explains the rejection. */
function stale({ epoch, lastCommit }: ConversationFacts): Decision {
  return { case: 'rejected', reason: staleEpoch(epoch), after: lastCommit }
}
