// The state of a conversation, and the one function that knows the rules of a room: stateAfter. Every member works the
// state out alike, or they would be in different rooms.

import { ConversationKind } from '../../../../gen/parley/content/v1/chain_pb.js'
import { equalBytes } from '../../bytes.js'
import type { CryptoProvider } from '../../crypto.js'
import { type AccountKey, sameKey } from '../../keys.js'
import type { RoomSettings } from './change.js'
import { type FixedKind, fixedConversationId, sortedAccounts } from './conversation-id.js'
import type { ChainEntry } from './entry.js'
import { ChainError } from './error.js'
import type { Leave } from './leave-statement.js'
import { MAX_CHAIN_BYTES, MAX_ENTRIES, MAX_ROOM_MEMBERS, RESERVED_BYTES, RESERVED_ENTRIES } from './limits.js'

export interface Member {
  accountKey: AccountKey
  /** The number of the entry that added it; 0 in a conversation without a chain. */
  added: number
  isAdmin: boolean
}

export interface ConversationState {
  kind: Exclude<ConversationKind, ConversationKind.UNSPECIFIED>
  /** 32 bytes. */
  id: Uint8Array
  /** How many entries the chain has; 0 where there is none. */
  number: number
  /** The hash of the last entry; the id where there is none. */
  head: Uint8Array
  /** The hashes of all entries, the first one first; the id alone where there is none. */
  heads: readonly Uint8Array[]
  /** Bytes of all encoded ChainEntries. */
  size: number
  /** Of a room: the one added first stands first. Of others: the lower key. */
  members: readonly Member[]
  /** Of a room. */
  settings: RoomSettings | undefined
  /** The group and the epoch that the last entry is of. */
  last: { groupId: Uint8Array; epoch: bigint } | undefined
}

/** The state of a conversation without a chain. Throws RangeError where there is none of this kind among these accounts. */
export function fixedState(
  crypto: CryptoProvider,
  kind: FixedKind,
  accountKeys: readonly Uint8Array[],
): ConversationState {
  const id = fixedConversationId(crypto, kind, accountKeys)
  const members = sortedAccounts(kind, accountKeys)!.map(accountKey => ({
    accountKey,
    added: 0,
    isAdmin: false,
  }))
  return {
    kind,
    id,
    number: 0,
    head: id,
    heads: [id],
    size: 0,
    members,
    settings: undefined,
    last: undefined,
  }
}

export const memberOf = ({ members }: ConversationState, accountKey: Uint8Array): Member | undefined =>
  members.find(member => equalBytes(member.accountKey, accountKey))

/**
 * The state behind an entry that holds; `before` is undefined for the first one. It looks at nothing else, and changes
 * nothing. Throws ChainError for an entry that breaks a rule.
 */
export function stateAfter(before: ConversationState | undefined, entry: ChainEntry): ConversationState {
  if (!before) return created(entry)
  checkPlace(before, entry)
  const changed = change(before, entry)
  return {
    ...before,
    ...changed,
    number: entry.number,
    head: entry.hash,
    heads: [...before.heads, entry.hash],
    size: before.size + entry.size,
    last: { groupId: entry.groupId, epoch: entry.epoch },
  }
}

function created({ number, previous, author, change, hash, size, ...last }: ChainEntry): ConversationState {
  if (number !== 1) throw new ChainError('number')
  if (previous.length !== 0) throw new ChainError('previous')
  if (change.kind !== 'create') throw new ChainError('creation')
  return {
    kind: ConversationKind.ROOM,
    id: hash,
    number,
    head: hash,
    heads: [hash],
    size,
    members: [{ accountKey: author.accountKey, added: number, isAdmin: true }],
    settings: change.settings,
    last: { groupId: last.groupId, epoch: last.epoch },
  }
}

/** Entries that make a room smaller, for which the end of a chain is kept. */
const TAKES_AWAY: ReadonlySet<string> = new Set(['remove', 'unmake-admin', 'leave'])

function checkPlace(before: ConversationState, entry: ChainEntry): void {
  if (before.kind !== ConversationKind.ROOM) throw new ChainError('no-chain')
  if (entry.number !== before.number + 1) throw new ChainError('number')
  if (!equalBytes(entry.previous, before.head)) throw new ChainError('previous')
  const isSameGroup = before.last !== undefined && equalBytes(before.last.groupId, entry.groupId)
  if (isSameGroup && entry.epoch < before.last!.epoch) throw new ChainError('epoch')
  const size = before.size + entry.size
  if (entry.number > MAX_ENTRIES || size > MAX_CHAIN_BYTES) throw new ChainError('too-long')
  const isReserved = entry.number > MAX_ENTRIES - RESERVED_ENTRIES || size > MAX_CHAIN_BYTES - RESERVED_BYTES
  if (isReserved && !TAKES_AWAY.has(entry.change.kind)) throw new ChainError('chain-full')
}

type Changed = Partial<Pick<ConversationState, 'members' | 'settings'>>

function change(state: ConversationState, { author, number, change: made }: ChainEntry): Changed {
  const by = memberOf(state, author.accountKey)
  if (!by) throw new ChainError('author-not-a-member')
  if (made.kind === 'create') throw new ChainError('creation')
  if (made.kind === 'leave') return left(state, made.leave, by)
  if (!by.isAdmin) throw new ChainError('author-not-an-admin')
  switch (made.kind) {
    case 'settings':
      return { settings: made.settings }
    case 'add':
      return added(state, { accountKey: made.accountKey, added: number, isAdmin: false })
    case 'remove':
      if (sameKey(made.accountKey, author.accountKey)) throw new ChainError('own-account')
      return without(state, required(state, made.accountKey))
    default:
      return withAdmin(state, required(state, made.accountKey), made.kind === 'make-admin')
  }
}

function required(state: ConversationState, accountKey: AccountKey): Member {
  const member = memberOf(state, accountKey)
  if (!member) throw new ChainError('not-a-member')
  return member
}

function added(state: ConversationState, member: Member): Changed {
  if (memberOf(state, member.accountKey)) throw new ChainError('already-a-member')
  if (state.members.length >= MAX_ROOM_MEMBERS) throw new ChainError('too-many-members')
  return { members: [...state.members, member] }
}

const without = ({ members }: ConversationState, member: Member): { members: readonly Member[] } => ({
  members: members.filter(each => each !== member),
})

function withAdmin({ members }: ConversationState, member: Member, isAdmin: boolean): Changed {
  if (member.isAdmin === isAdmin) throw new ChainError(isAdmin ? 'already-an-admin' : 'not-an-admin')
  const changed = members.map(each => (each === member ? { ...each, isAdmin } : each))
  if (!changed.some(each => each.isAdmin)) throw new ChainError('last-admin')
  return { members: changed }
}

type Stay = Pick<Leave, 'accountKey' | 'conversationId' | 'added'>

function left(
  state: ConversationState,
  { accountKey, conversationId, added: stay }: Stay,
  by: Member,
): Changed {
  const member = required(state, accountKey)
  if (member === by) throw new ChainError('own-account')
  if (!equalBytes(conversationId, state.id) || stay !== member.added) throw new ChainError('other-stay')
  return withSuccession(without(state, member).members)
}

/** Where no admin is left, the member that was added first, of those that are there, becomes one. */
function withSuccession(members: readonly Member[]): Changed {
  const [first, ...others] = members
  if (!first || members.some(({ isAdmin }) => isAdmin)) return { members }
  return { members: [{ ...first, isAdmin: true }, ...others] }
}
