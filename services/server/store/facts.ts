// The rules look at these: a device and a conversation, as a store has them at the moment of a decision. A store
// names both by numbers of its own (keys), since 32 random bytes in every index and on every roster cost much.

import { type CommitsFreeAt, NO_COMMITS, type Successors, withSuccessor } from './commit-limits.js'
import type { Blocked, DeviceId } from './store.js'

/**
 * So many removed devices a conversation remembers; of more those that had come to it first. A hostile member that adds
 * and removes devices of its own does not get those forgotten that were there before them.
 */
const REMOVED_REMEMBERED = 1_000

export interface DeviceFacts {
  readonly key: number
  readonly id: DeviceId
  /** The key of its account. */
  readonly account: number
  /** The highest accepted client sequence. */
  readonly clientSequence: number
  /** How many conversations the device has created that somebody is in. */
  readonly conversations: number
  /** When its commits are all free again, as commitAt reckons; ms since 1970. */
  readonly commitsFreeAt: number
  /** Nothing is taken from it nor shown to it; its places on rosters stay until members remove it. */
  readonly blocked: Blocked | undefined
}

/** A record's number in the log of all conversations, which nobody is shown, and in its own one: Envelope.sequence. */
export interface Numbers {
  readonly sequence: number
  readonly shown: number
}

/** From where a device was added to where it was removed, or left: it reads both of these and all between. */
export interface Span {
  readonly joined: number
  /** The epoch that it came in with. */
  readonly joinedEpoch: number
  readonly left: number | undefined
  /** The conversation's own number of that; 0 before. */
  readonly leftShown: number
}

/** A record's numbers, and when it was stored: ms since 1970. */
interface Stored extends Numbers {
  readonly storedAt: number
}

/** A device that a commit has taken off a roster. */
export interface Removed {
  readonly id: DeviceId
  /** See Span. */
  readonly joinedEpoch: number
  /** The sequence of the commit, and when it was stored: ms since 1970. */
  readonly sequence: number
  readonly at: number
}

/** A value: a commit makes another one of it. */
export interface ConversationFacts {
  readonly key: number
  readonly id: Uint8Array
  readonly creator: DeviceId
  readonly epoch: number
  /** The sequence of the last commit. */
  readonly lastCommit: number
  /** The oldest epoch that all members have the keys of: the one in which the last of them came. */
  readonly sharedEpoch: number
  readonly commitsFreeAt: CommitsFreeAt
  /** The conversations that were created in its place. */
  readonly successors: Successors | undefined
  /** Envelopes up to here are deleted. */
  readonly expiredThrough: number
  /** The conversation's own number of the last of them. */
  readonly expiredShown: number
  /** The roster of now, by the keys of the devices. */
  readonly members: ReadonlyMap<number, DeviceId>
  /**
   * Those that a commit has taken off the roster, until a store forgets them (Log.expire). Other members may have refused
   * that commit, so these may still make a successor, and be on the roster again from there.
   */
  readonly removed: ReadonlyMap<number, Removed>
  /** Those that have left the roster by themselves and whose leaves no commit has removed since. */
  readonly gone: ReadonlyMap<number, DeviceId>
  /** When each device was a member, oldest first; also of those that have left and not read all of it. */
  readonly spans: ReadonlyMap<number, readonly Span[]>
}

/** The change that an accepted commit, or a device that leaves by itself, makes to its conversation. */
export interface ConversationChange {
  /** Of a commit, or of a device that leaves by itself. */
  readonly by: 'commit' | 'leave'
  /** The conversation begins with it. */
  readonly creates: boolean
  /** Of a commit: what the sender and the conversation have left afterwards. See CommitsFreeAt. */
  readonly commitsFreeAt?: { readonly sender: number; readonly conversation: CommitsFreeAt }
  /** From here on. */
  readonly epoch: number
  readonly sharedEpoch: number
  /** The devices that join, the creator first. */
  readonly joined: readonly DeviceFacts[]
  readonly left: readonly DeviceFacts[]
  /** Devices that had left by themselves: now their leaves go. */
  readonly cleared: readonly DeviceFacts[]
}

/** A conversation before its first commit. */
export function newConversation(
  key: number,
  { id, creator }: Pick<ConversationFacts, 'id' | 'creator'>,
): ConversationFacts {
  const beginning = { epoch: 0, lastCommit: 0, sharedEpoch: 0, expiredThrough: 0, expiredShown: 0 }
  const kept = { commitsFreeAt: NO_COMMITS, successors: undefined }
  const nobody = { members: new Map(), removed: new Map(), gone: new Map(), spans: new Map() }
  return { key, id: id.slice(), creator, ...beginning, ...kept, ...nobody }
}

/** The conversation after a change, whose record has these numbers. */
export function changedBy(
  conversation: ConversationFacts,
  change: ConversationChange,
  record: Stored,
): ConversationFacts {
  const { sequence, shown } = record
  const { epoch, sharedEpoch, joined, left, cleared } = change
  const lastCommit = change.by === 'commit' ? sequence : conversation.lastCommit
  const commitsFreeAt = change.commitsFreeAt?.conversation ?? conversation.commitsFreeAt
  const after = { ...conversation, epoch, sharedEpoch, lastCommit, commitsFreeAt }
  // Most commits are updates, and a roster is long.
  if (joined.length === 0 && left.length === 0 && cleared.length === 0) return after
  const removed = change.by === 'commit' ? removedBy(change, conversation, record) : conversation.removed
  const members = new Map(conversation.members)
  const gone = new Map(conversation.gone)
  const spans = new Map(conversation.spans)
  for (const { key } of cleared) gone.delete(key)
  for (const { key, id } of left) {
    members.delete(key)
    if (change.by === 'leave') gone.set(key, id)
    const own = spans.get(key) ?? []
    spans.set(
      key,
      own.map(span => (span.left === undefined ? { ...span, left: sequence, leftShown: shown } : span)),
    )
  }
  for (const { key, id } of joined) {
    members.set(key, id)
    spans.set(key, [
      ...(spans.get(key) ?? []),
      { joined: sequence, joinedEpoch: epoch, left: undefined, leftShown: 0 },
    ])
  }
  return { ...after, members, removed, gone, spans }
}

/** Those that are remembered after a commit. A device that it removes and adds again stays. */
function removedBy(
  { joined, left }: ConversationChange,
  { removed: before, spans }: ConversationFacts,
  { sequence, storedAt: at }: Stored,
): ConversationFacts['removed'] {
  const removed = new Map(before)
  for (const { key, id } of left)
    removed.set(key, { id, joinedEpoch: spans.get(key)?.at(-1)?.joinedEpoch ?? 0, sequence, at })
  for (const { key } of joined) removed.delete(key)
  if (removed.size <= REMOVED_REMEMBERED) return removed
  const firstCome = [...removed].sort(([, one], [, other]) => one.joinedEpoch - other.joinedEpoch)
  return new Map(firstCome.slice(0, REMOVED_REMEMBERED))
}

/** Whether a device may make a conversation in the place of this one. */
export function maySucceed({ members, removed }: ConversationFacts, { key }: DeviceFacts): boolean {
  return members.has(key) || removed.has(key)
}

/**
 * Those that a successor puts on the roster of this conversation again: all that its last commit has taken off, as the
 * devices that go on did not take that one, and of the others those that the new conversation has, its maker among them.
 */
export function comingBack(
  { removed, lastCommit }: ConversationFacts,
  { joined }: ConversationChange,
): ConversationFacts['removed'] {
  const goOn = new Set(joined.map(({ key }) => key))
  return new Map([...removed].filter(([key, { sequence }]) => sequence === lastCommit || goOn.has(key)))
}

/** Another conversation is created in the place of one, whose order has a record of that with this sequence. */
interface Succeeding {
  id: Uint8Array
  sequence: number
  /** The key of the account that does it. */
  account: number
  /** Milliseconds since 1970. */
  now: number
  /** See comingBack. */
  back: ConversationFacts['removed']
}

/** The conversation after that. The epoch that a device joined in is for those who are back the one that they know. */
export function succeededBy(conversation: ConversationFacts, by: Succeeding): ConversationFacts {
  const after = { ...conversation, successors: withSuccessor(conversation.successors, by) }
  if (by.back.size === 0) return after
  const members = new Map(conversation.members)
  const removed = new Map(conversation.removed)
  const spans = new Map(conversation.spans)
  for (const [key, { id, joinedEpoch }] of by.back) {
    removed.delete(key)
    members.set(key, id)
    const again = { joined: by.sequence, joinedEpoch, left: undefined, leftShown: 0 }
    spans.set(key, [...(spans.get(key) ?? []), again])
  }
  return { ...after, members, removed, spans }
}

/** The first sequence at or after `from` at which the device was a member. */
export function firstVisible(spans: readonly Span[], from: number): number | undefined {
  for (const { joined, left } of spans) {
    if (left === undefined || left >= from) return Math.max(from, joined)
  }
  return undefined
}

/** The numbers of the last of the deleted envelopes that the device was a member at; 0 if there is none. */
export function lastDeleted(
  spans: readonly Span[],
  { expiredThrough, expiredShown }: Pick<ConversationFacts, 'expiredThrough' | 'expiredShown'>,
): Numbers {
  let last = { sequence: 0, shown: 0 }
  for (const { joined, left, leftShown } of spans) {
    if (joined > expiredThrough) continue
    const hasLeft = left !== undefined && left < expiredThrough
    last = hasLeft ? { sequence: left, shown: leftShown } : { sequence: expiredThrough, shown: expiredShown }
  }
  return last
}
