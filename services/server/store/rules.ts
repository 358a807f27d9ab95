// Decides on a send: the rules of Send, OutgoingEnvelope and ApplicationEnvelope in the contract, decided here
// once for every store. A store gives the facts, carries out what is accepted, and decides nothing itself.

import { toBinary } from '@bufbuild/protobuf'
import {
  type ApplicationEnvelope,
  type CommitBundle,
  CommitBundleSchema,
  type OutgoingEnvelope,
  type RosterLeave,
} from '../../../gen/parley/v1/chat_pb.js'
import type { SignedRejoinStatement } from '../../../gen/parley/v1/rejoin_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { basisOfCommit } from '../../protocol/conversation/commit-basis.js'
import { namedByRejoin } from '../../protocol/conversation/rejoin-statement.js'
import { claimedNumber, isFarAhead } from '../../protocol/identity/device-list.js'
import { decodeBundleHead } from '../../protocol/log/bundle-head.js'
import { CONVERSATION_ID_BYTES, NONCE_BYTES, SIGNATURE_BYTES } from '../../protocol/sizes.js'
import {
  type CommitsFreeAt,
  commitAt,
  commitIn,
  longestWait,
  NO_COMMITS,
  successorWait,
} from './commit-limits.js'
import { checkCommit, conversationChange } from './commit-rules.js'
import {
  type ConversationChange,
  type ConversationFacts,
  comingBack,
  type DeviceFacts,
  maySucceed,
} from './facts.js'
import {
  applicationContent,
  type Content,
  commitContent,
  leaveContent,
  rejoinContent,
  successorContent,
} from './log-record.js'
import {
  malformed,
  notAMember,
  outOfOrder,
  type Reason,
  rateLimited,
  staleEpoch,
  succeeded,
  tooLarge,
  tooManySuccessors,
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
  | 'commitsPerMinute'
  | 'commitsPerMinuteAndConversation'
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
  /** Milliseconds since 1970. */
  now: number
  /** Devices that the send names. */
  deviceOf(id: DeviceId): DeviceFacts | undefined
  /** One that a commit's new conversation succeeds. */
  conversationOf(id: Uint8Array): ConversationFacts | undefined
}

export type Decision =
  /** It was accepted before, and is told so again; nothing is stored. */
  | { case: 'repeated' }
  /** `after`: the sequence of the commit that won, where the sender has to read up to there first. */
  | { case: 'rejected'; reason: Reason; after?: number }
  /**
   * The sender's client sequence goes up by one, the content is stored, and a commit or a leave changes the conversation.
   * `succeeds`: before that a record of its own goes into the order of the conversation that the new one succeeds.
   */
  | { case: 'accepted'; content: Content; change?: ConversationChange; succeeds?: Succession }

export interface Succession {
  conversation: ConversationFacts
  content: Content
  /** See comingBack. */
  back: ConversationFacts['removed']
}

const NONE = new Uint8Array()
const REPEATED: Decision = { case: 'repeated' }
type Rejected = Extract<Decision, { case: 'rejected' }>

const rejected = (reason: Reason): Rejected => ({ case: 'rejected', reason })

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
  const reason =
    checkCommit(bundle, { sender, conversation, limits, deviceOf }) ?? checkLists(bundle.commit, facts.now)
  if (reason?.case === 'staleEpoch' && conversation) return stale(conversation)
  if (reason?.case === 'succeeded' && conversation?.successors)
    return { case: 'rejected', reason, after: conversation.successors.sequence }
  if (reason) return rejected(reason)
  const changed = conversationChange(bundle, { sender, conversation, deviceOf })
  const succession = decideSuccession(bundle, { ...facts, sender, change: changed })
  if (succession.case === 'rejected') return succession
  const commitsFreeAt = commitsAfter(sender, facts)
  if ('waitMs' in commitsFreeAt) return rejected(rateLimited(commitsFreeAt.waitMs))
  const change = { ...changed, commitsFreeAt }
  const { succeeds } = succession
  return { case: 'accepted', content: commitContent(payload), change, ...(succeeds && { succeeds }) }
}

/**
 * A group goes by the highest list that it was told of, whenever that was, and its members look at no clock. So one whose
 * number lies far ahead, which no list of its owner could follow, is kept from them.
 */
function checkLists(commit: Uint8Array, nowMs: number): Reason | undefined {
  const isAhead = (list: Uint8Array) => isFarAhead(claimedNumber(list) ?? 0, nowMs)
  return basisOfCommit(commit)?.lists.some(isAhead)
    ? malformed('a commit tells of a device list whose number is too far ahead')
    : undefined
}

/** When the sender and the conversation have all their commits again after this one, or how long it has to wait, in ms. */
function commitsAfter(
  sender: DeviceFacts,
  { conversation, limits, now }: SendFacts,
): { sender: number; conversation: CommitsFreeAt } | { waitMs: number } {
  const { account } = sender
  const perMinute = limits.commitsPerMinuteAndConversation
  const ofSender = commitAt(sender.commitsFreeAt, { now, perMinute: limits.commitsPerMinute })
  const inConversation = commitIn(conversation?.commitsFreeAt ?? NO_COMMITS, { account, now, perMinute })
  if ('freeAt' in ofSender && 'freeAt' in inConversation)
    return { sender: ofSender.freeAt, conversation: inConversation.freeAt }
  return { waitMs: longestWait(ofSender, inConversation) }
}

/**
 * A new conversation that goes on in place of another one is put into the order of that one, by a member of it, or by
 * one that a commit has removed: commits that honest members refuse may have taken all of them off the roster.
 */
function decideSuccession(
  { creates, head: bytes, headSignature }: CommitBundle,
  { sender, change, now, conversationOf }: SendFacts & { sender: DeviceFacts; change: ConversationChange },
): Rejected | { case: 'fits'; succeeds?: Succession } {
  const head = decodeBundleHead(bytes)
  if (!head) return rejected(malformed('the head of a commit bundle is none'))
  const { succeeds, succeedsEpoch, conversationId } = head
  if (succeeds.length === 0) return { case: 'fits' }
  if (!creates) return rejected(malformed('only a new conversation can succeed another one'))
  const conversation = conversationOf(succeeds)
  if (!conversation) return rejected(unknownConversation())
  if (!maySucceed(conversation, sender)) return rejected(notAMember())
  if (succeedsEpoch > BigInt(conversation.epoch)) return stale(conversation)
  const { successors } = conversation
  if (head.succeedsAfter && !equalBytes(head.succeedsAfter, successors?.last ?? NONE))
    return successors
      ? { case: 'rejected', reason: succeeded(successors.last), after: successors.sequence }
      : rejected(malformed('the head of a commit bundle names a successor that is none'))
  const waitMs = successorWait(successors, { account: sender.account, now })
  if (waitMs > 0) return rejected(tooManySuccessors(waitMs))
  const content = successorContent({ conversationId, head: bytes, headSignature }, conversation.epoch)
  return { case: 'fits', succeeds: { conversation, content, back: comingBack(conversation, change) } }
}

/** The signature is for the members to check: they need not believe a server that has. */
function decideRejoin(
  signed: SignedRejoinStatement,
  sender: DeviceFacts,
  { conversation }: SendFacts,
): Decision {
  const names = namedByRejoin(signed)
  if (!names || signed.signature.length !== SIGNATURE_BYTES)
    return rejected(malformed('a rejoin statement is none'))
  if (!equalBytes(names.deviceKey, sender.id))
    return rejected(malformed('a rejoin statement names another device than its sender'))
  if (!conversation) return rejected(unknownConversation())
  if (!equalBytes(names.groupId, conversation.id))
    return rejected(malformed('a rejoin statement names another conversation than it is sent in'))
  if (!conversation.members.has(sender.key)) return rejected(notAMember())
  return { case: 'accepted', content: rejoinContent(signed, conversation.epoch) }
}

/** It leaves the membership that it names: one who was removed and added again since has not said that of the new one. */
function decideLeave(leave: RosterLeave, sender: DeviceFacts, { conversation }: SendFacts): Decision {
  const reason = checkSigned(leave, sender)
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

/** The signature is for the members to check, as that of a rejoin statement is. */
function checkSigned(
  { nonce, signature, deviceId }: Pick<RosterLeave, 'nonce' | 'signature' | 'deviceId'>,
  sender: DeviceFacts,
): Reason | undefined {
  if (nonce.length !== NONCE_BYTES) return malformed(`a leave's nonce has ${NONCE_BYTES} bytes`)
  if (signature.length !== SIGNATURE_BYTES)
    return malformed(`a leave's signature has ${SIGNATURE_BYTES} bytes`)
  return equalBytes(deviceId, sender.id)
    ? undefined
    : malformed('a leave names another device than its sender')
}

/** The sender may not know of the last commit, which explains the rejection. */
function stale({ epoch, lastCommit }: ConversationFacts): Rejected {
  return { case: 'rejected', reason: staleEpoch(epoch), after: lastCommit }
}
