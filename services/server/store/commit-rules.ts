// Which commits are accepted, and what they do: the rules of CommitBundle, Welcome and RosterChange in the contract.

import type { CommitBundle } from '../../../gen/parley/v1/chat_pb.js'
import { DEVICE_ID_BYTES } from '../../protocol/sizes.js'
import { bytesKey } from '../bytes.js'
import type { ConversationChange, ConversationFacts, DeviceFacts } from './facts.js'
import {
  conversationExists,
  malformed,
  notAMember,
  type Reason,
  staleEpoch,
  succeeded,
  tooManyConversations,
  tooManyMembers,
  unknownConversation,
  unknownDevice,
} from './reasons.js'
import type { DeviceId } from './store.js'

interface CommitFacts {
  sender: DeviceFacts
  conversation: ConversationFacts | undefined
  limits: { devicesPerConversation: number; conversationsPerDevice: number }
  deviceOf(id: DeviceId): DeviceFacts | undefined
}

/** Why the commit is not accepted; undefined: it is. */
export function checkCommit(bundle: CommitBundle, facts: CommitFacts): Reason | undefined {
  return checkShape(bundle) ?? checkPlace(bundle, facts) ?? checkRoster(bundle, facts)
}

/** The change that an accepted commit makes. */
export function conversationChange(
  bundle: CommitBundle,
  facts: Omit<CommitFacts, 'limits'>,
): ConversationChange {
  const { sender, conversation, deviceOf } = facts
  const devices = (ids: readonly DeviceId[] = []) => ids.flatMap(id => deviceOf(id) ?? [])
  const removed = devices(bundle.rosterChange?.removedDeviceIds)
  const added = devices(bundle.rosterChange?.addedDeviceIds)
  const epoch = (conversation?.epoch ?? 0) + 1
  return {
    by: 'commit',
    creates: bundle.creates,
    epoch,
    sharedEpoch: added.length > 0 ? epoch : (conversation?.sharedEpoch ?? 0),
    joined: bundle.creates ? [sender, ...added] : added,
    left: removed.filter(device => !isGone(device, facts)),
    cleared: removed.filter(device => isGone(device, facts)),
  }
}

/** Looks at the bundle alone. */
function checkShape(bundle: CommitBundle): Reason | undefined {
  if (bundle.commit.length === 0) return malformed('a commit bundle needs a commit')
  const added = bundle.rosterChange?.addedDeviceIds ?? []
  const removed = bundle.rosterChange?.removedDeviceIds ?? []
  if ([...added, ...removed].some(id => id.length !== DEVICE_ID_BYTES))
    return malformed(`a device id has ${DEVICE_ID_BYTES} bytes`)
  if ([added, removed].some(ids => new Set(ids.map(bytesKey)).size !== ids.length))
    return malformed('the roster change names a device twice')
  if (bundle.welcomes.some(welcome => welcome.welcome.length === 0 || welcome.deviceIds.length === 0))
    return malformed('a welcome is empty or for nobody')
  const unwelcomed = new Set(added.map(bytesKey))
  const welcomed = bundle.welcomes.flatMap(welcome => welcome.deviceIds)
  const named = welcomed.every(id => unwelcomed.delete(bytesKey(id)))
  if (!named || unwelcomed.size > 0)
    return malformed('the welcomes have to name every added device exactly once')
  return undefined
}

/** Whether it is the sender's turn: a new conversation, or the current epoch of one that it is in. */
function checkPlace(bundle: CommitBundle, { sender, conversation }: CommitFacts): Reason | undefined {
  if (bundle.creates) {
    if (conversation) return conversationExists()
    return bundle.epoch === 0n ? undefined : malformed('a conversation begins in epoch 0')
  }
  if (!conversation) return unknownConversation()
  if (!conversation.members.has(sender.key)) return notAMember()
  if (conversation.successors) return succeeded(conversation.successors.last)
  return bundle.epoch === BigInt(conversation.epoch) ? undefined : staleEpoch(conversation.epoch)
}

/** Whether the roster, as it is, can change so. */
function checkRoster(bundle: CommitBundle, facts: CommitFacts): Reason | undefined {
  const { sender, conversation, limits } = facts
  const added = bundle.rosterChange?.addedDeviceIds ?? []
  const removed = bundle.rosterChange?.removedDeviceIds ?? []
  for (const id of removed) {
    const reason = checkRemoved(id, facts)
    if (reason) return reason
  }
  // A leaf takes its place also when its device has left.
  const before = conversation ? conversation.members.size + conversation.gone.size : 1
  if (before + added.length - removed.length > limits.devicesPerConversation)
    return tooManyMembers(limits.devicesPerConversation)
  // The creator pays for it, and nobody who is added: so nobody can use up what another may have.
  if (bundle.creates && isFull(sender, facts))
    return tooManyConversations(sender.id, limits.conversationsPerDevice)
  const again = new Set(removed.map(bytesKey))
  for (const id of added) {
    const reason = checkAdded(id, { ...facts, isRemoved: again.has(bytesKey(id)) })
    if (reason) return reason
  }
  return undefined
}

function checkRemoved(id: DeviceId, facts: CommitFacts): Reason | undefined {
  const device = facts.deviceOf(id)
  if (!device || !(isMember(device, facts) || isGone(device, facts)))
    return malformed('the roster change removes a device that is not a member')
  return device.key === facts.sender.key ? malformed('a device cannot remove itself') : undefined
}

function checkAdded(
  id: DeviceId,
  { isRemoved, ...facts }: CommitFacts & { isRemoved: boolean },
): Reason | undefined {
  const device = facts.deviceOf(id)
  if (!device || device.blocked === 'revoked') return unknownDevice(id)
  // By the same commit: it is there again with keys of its own.
  if (isRemoved) return undefined
  if (isMember(device, facts)) return malformed('the roster change adds a member')
  return isGone(device, facts)
    ? malformed('the roster change adds a device that has left, and was not removed since')
    : undefined
}

/** At first the sender is the only member. */
function isMember({ key }: DeviceFacts, { sender, conversation }: CommitFacts): boolean {
  return conversation ? conversation.members.has(key) : key === sender.key
}

function isGone({ key }: DeviceFacts, { conversation }: Pick<CommitFacts, 'conversation'>): boolean {
  return conversation?.gone.has(key) === true
}

function isFull(device: DeviceFacts, { limits }: CommitFacts): boolean {
  return device.conversations >= limits.conversationsPerDevice
}
