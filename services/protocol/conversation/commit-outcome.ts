// A commit makes of a group the group of the next epoch. Those who make commits and those who judge them ask one
// function, so that nobody makes a commit that others refuse.

import type { SignedChainEntry } from '../../../gen/parley/content/v1/chain_pb.js'
import { equalBytes, toHex } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import { IdentityError } from '../error.js'
import { readDeviceList } from '../identity/device-list.js'
import { readDeviceRemoval } from '../identity/device-removal.js'
import { accountDevicesInUse } from '../identity/devices-in-use.js'
import { type DeviceKey, sameKey } from '../keys.js'
import { CONVERSATION_DEVICES } from '../sizes.js'
import { continueChain } from './chain/chain.js'
import type { ChainEntry } from './chain/entry.js'
import { ChainError } from './chain/error.js'
import { type ConversationState, memberOf } from './chain/state.js'
import type { CommitBasis } from './commit-basis.js'
import { CommitRefused } from './commit-refusal.js'
import { type HeldGroup, serverOf } from './held-group.js'
import { firstWrongLeaf, type Leaf, type LeafJudge, leafJudge } from './leaves.js'
import {
  fitsList,
  fitsRemoval,
  heldOf,
  type Ledger,
  ofMembers,
  withList,
  withRemoval,
  withRemoved,
} from './ledger.js'
import { type Rejoin, readRejoinStatement, rejoinFault } from './rejoin-statement.js'

/** Everything that a commit does. */
export interface CommitContent {
  committer: DeviceKey
  /** The committer's leaf as the commit's path has it; undefined for a commit without a path. */
  path: Leaf | undefined
  entries: readonly SignedChainEntry[]
  basis: CommitBasis
  added: readonly Leaf[]
  /** Devices whose leaves are removed. */
  removed: readonly DeviceKey[]
}

export interface CommitOutcome {
  /** The group in its next epoch. */
  after: HeldGroup
  /** The entries of the commit. */
  entries: readonly ChainEntry[]
}

/** Whether a commit with this content has to carry a GroupState. */
export const needsGroupState = ({ entries, basis, removed }: CommitContent): boolean =>
  [entries, basis.lists, basis.removals, basis.rejoins, removed].some(({ length }) => length > 0)

/**
 * The group behind a commit, or CommitRefused. `withState`: the commit carries a GroupState. It looks at what it is
 * given and at nothing else: no clock, nothing that only one member knows.
 */
export function commitOutcome(
  crypto: CryptoProvider,
  held: HeldGroup,
  { content, withState }: { content: CommitContent; withState: boolean },
): CommitOutcome {
  const committer = held.leaves.find(({ deviceKey }) => sameKey(deviceKey, content.committer))
  if (!committer || !isSameDevice(committer, content.path ?? committer))
    throw new CommitRefused({ code: 'committer' })
  checkCounts(held, content)
  const chain = readEntries(crypto, held, content.entries)
  const learned = learn(crypto, held, { basis: content.basis, state: chain.state })
  const ledger = ofMembers(learned, chain.state)
  checkAuthors(held, content, { entries: chain.entries, ledger: learned })
  const judge = leafJudge({ state: chain.state, ledger, serverId: serverOf(held) })
  checkRemoved(crypto, held, { content, judge })
  const leaves = leavesAfter(held.leaves, { ...content, path: content.path ?? committer })
  const wrong = firstWrongLeaf(judge, leaves)
  if (wrong) throw new CommitRefused({ code: 'wrong-leaf', deviceKey: wrong.leaf.deviceKey, why: wrong.why })
  const after = {
    ...held,
    epoch: held.epoch + 1n,
    state: chain.state,
    ledger: withState ? withRemoved(ledger, held.epoch, content.removed) : ledger,
    leaves,
  }
  return { after, entries: chain.entries }
}

/**
 * The devices whose leaves are wrong behind these entries and this basis, so that a commit of them has to remove them:
 * all but the committer's. Throws CommitRefused for entries and a basis that nobody takes.
 */
export function leavesToRemove(
  crypto: CryptoProvider,
  held: HeldGroup,
  { committer, entries, basis }: Pick<CommitContent, 'committer' | 'entries' | 'basis'>,
): DeviceKey[] {
  const { state } = readEntries(crypto, held, entries)
  const ledger = ofMembers(learn(crypto, held, { basis, state }), state)
  const judge = leafJudge({ state, ledger, serverId: serverOf(held) })
  const isWrong = (leaf: Leaf) => !sameKey(leaf.deviceKey, committer) && judge(leaf) !== undefined
  return held.leaves.filter(isWrong).map(({ deviceKey }) => deviceKey)
}

const isSameDevice = (one: Leaf, other: Leaf): boolean =>
  sameKey(one.deviceKey, other.deviceKey) && sameKey(one.accountKey, other.accountKey)

/** Before anything is verified. */
function checkCounts({ leaves }: HeldGroup, { added, removed }: CommitContent): void {
  if (leaves.length - removed.length + added.length > CONVERSATION_DEVICES)
    throw new CommitRefused({ code: 'too-many-leaves' })
}

function readEntries(
  crypto: CryptoProvider,
  { state }: HeldGroup,
  entries: readonly SignedChainEntry[],
): { state: ConversationState; entries: readonly ChainEntry[] } {
  try {
    return continueChain(crypto, state, entries)
  } catch (cause) {
    if (!(cause instanceof ChainError)) throw cause
    throw new CommitRefused({ code: 'entry', reason: cause.reason }, { cause })
  }
}

/** The ledger with what the basis brings. It may be of accounts that leave, so that their last word can be weighed. */
function learn(
  crypto: CryptoProvider,
  held: HeldGroup,
  { basis, state }: { basis: CommitBasis; state: ConversationState },
): Ledger {
  const isMember = (accountKey: Uint8Array) =>
    memberOf(held.state, accountKey) !== undefined || memberOf(state, accountKey) !== undefined
  let { ledger } = held
  for (const encoded of basis.lists) {
    const list = reading('bad-list', () => readDeviceList(crypto, encoded))
    if (!equalBytes(list.serverId, serverOf(held))) throw new CommitRefused({ code: 'other-server' })
    if (!fitsList(list)) throw new CommitRefused({ code: 'large-list' })
    const next = isMember(list.accountKey) ? withList(ledger, list) : undefined
    if (!next) throw new CommitRefused({ code: 'idle-list' })
    ledger = next
  }
  for (const encoded of basis.removals) {
    const removal = reading('bad-removal', () => readDeviceRemoval(crypto, encoded))
    if (!fitsRemoval(removal)) throw new CommitRefused({ code: 'large-removal' })
    const next = isMember(removal.accountKey) ? withRemoval(ledger, removal) : undefined
    if (!next) throw new CommitRefused({ code: 'idle-removal' })
    ledger = next
  }
  return ledger
}

function reading<T>(code: 'bad-list' | 'bad-removal', read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof IdentityError) throw new CommitRefused({ code }, { cause })
    throw cause
  }
}

/** Entries are the committer's own, made for this commit; and a leave is by a device that can still speak for its account. */
function checkAuthors(
  { groupId, epoch }: HeldGroup,
  { committer }: CommitContent,
  { entries, ledger }: { entries: readonly ChainEntry[]; ledger: Ledger },
): void {
  for (const { number, author, change, ...place } of entries) {
    if (!sameKey(author.deviceKey, committer)) throw new CommitRefused({ code: 'foreign-entry', number })
    if (!equalBytes(place.groupId, groupId)) throw new CommitRefused({ code: 'other-group', number })
    if (place.epoch !== epoch) throw new CommitRefused({ code: 'other-epoch', number })
    if (change.kind === 'leave' && !isInUse(ledger, change.leave))
      throw new CommitRefused({ code: 'leave-not-in-use', number })
  }
}

function isInUse(ledger: Ledger, { accountKey, deviceKey }: Pick<Leaf, 'accountKey' | 'deviceKey'>): boolean {
  const held = heldOf(ledger, accountKey)
  return (
    held !== undefined &&
    accountDevicesInUse(held.devices).some(each => equalBytes(each.deviceKey, deviceKey))
  )
}

/** A leaf goes because it is wrong from here on, or because its device asks for it. */
function checkRemoved(
  crypto: CryptoProvider,
  held: HeldGroup,
  { content, judge }: { content: CommitContent; judge: LeafJudge },
): void {
  const leaves = new Map(held.leaves.map(leaf => [toHex(leaf.deviceKey), leaf]))
  const asking = readRejoins(crypto, held, content)
  for (const deviceKey of content.removed) {
    const name = toHex(deviceKey)
    const leaf = leaves.get(name)
    if (!leaf || sameKey(deviceKey, content.committer))
      throw new CommitRefused({ code: 'no-such-leaf', deviceKey })
    // A second removal of the same leaf finds none.
    leaves.delete(name)
    const isEntitled = asking.delete(name) || judge(leaf) !== undefined
    if (!isEntitled) throw new CommitRefused({ code: 'right-leaf-removed', deviceKey })
  }
  for (const { deviceKey } of asking.values()) throw new CommitRefused({ code: 'idle-rejoin', deviceKey })
}

/** By device key in hexadecimal. */
function readRejoins(crypto: CryptoProvider, held: HeldGroup, { basis }: CommitContent): Map<string, Rejoin> {
  const rejoins = new Map<string, Rejoin>()
  for (const bytes of basis.rejoins) {
    const rejoin = readRejoinStatement(crypto, bytes)
    if (!rejoin) throw new CommitRefused({ code: 'bad-rejoin' })
    const { deviceKey } = rejoin
    const why = rejoinFault(crypto, held, rejoin)
    if (why) throw new CommitRefused({ code: 'rejoin', deviceKey, why })
    const name = toHex(deviceKey)
    if (rejoins.has(name)) throw new CommitRefused({ code: 'idle-rejoin', deviceKey })
    rejoins.set(name, rejoin)
  }
  return rejoins
}

function leavesAfter(
  leaves: readonly Leaf[],
  { path, added, removed }: { path: Leaf; added: readonly Leaf[]; removed: readonly DeviceKey[] },
): Leaf[] {
  const gone = new Set(removed.map(toHex))
  const committer = toHex(path.deviceKey)
  const kept = leaves.filter(({ deviceKey }) => !gone.has(toHex(deviceKey)))
  return [...kept.map(leaf => (toHex(leaf.deviceKey) === committer ? path : leaf)), ...added]
}
