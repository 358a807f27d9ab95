// Chains of entries: one that is whole, one that goes on from a known head, and two that part.

import type { SignedChainEntry } from '../../../../gen/parley/content/v1/chain_pb.js'
import { equalBytes } from '../../bytes.js'
import type { CryptoProvider } from '../../crypto.js'
import { type AccountKey, keyText } from '../../keys.js'
import { type ChainEntry, readEntry } from './entry.js'
import { ChainError } from './error.js'
import { MAX_CHAIN_BYTES, MAX_ENTRIES } from './limits.js'
import { type ConversationState, stateAfter } from './state.js'

/** Entries that hold, and the state behind the last of them. */
interface CheckedChain {
  state: ConversationState
  entries: readonly ChainEntry[]
}

/** A whole chain, from its first entry. Throws ChainError for one that breaks a rule, or has no entry. */
export function checkChain(crypto: CryptoProvider, entries: readonly SignedChainEntry[]): CheckedChain {
  const [first, ...others] = entries
  if (!first) throw new ChainError('creation')
  checkBounds(entries, undefined)
  const created = readEntry(crypto, first)
  const { state, entries: read } = readOn(crypto, stateAfter(undefined, created), others)
  return { state, entries: [created, ...read] }
}

/** Entries behind a known state. Throws ChainError where one breaks a rule: none of them counts then. */
export function continueChain(
  crypto: CryptoProvider,
  before: ConversationState,
  entries: readonly SignedChainEntry[],
): CheckedChain {
  checkBounds(entries, before)
  return readOn(crypto, before, entries)
}

/** Throws ChainError for more than anybody reads, before anything of it is read. */
function checkBounds(entries: readonly SignedChainEntry[], before: ConversationState | undefined): void {
  const size = entries.reduce((sum, { entry }) => sum + entry.length, before?.size ?? 0)
  if ((before?.number ?? 0) + entries.length > MAX_ENTRIES || size > MAX_CHAIN_BYTES)
    throw new ChainError('too-long')
}

function readOn(
  crypto: CryptoProvider,
  before: ConversationState,
  signed: readonly SignedChainEntry[],
): CheckedChain {
  const entries: ChainEntry[] = []
  let state = before
  for (const each of signed) {
    const entry = readEntry(crypto, each)
    state = stateAfter(state, entry)
    entries.push(entry)
  }
  return { state, entries }
}

/** Accounts that are members or were, each once: nobody else can have said anything in the room. */
export function everMembers(entries: readonly ChainEntry[]): AccountKey[] {
  const keys = entries.flatMap(({ author, change }) => {
    if (change.kind === 'create') return [author.accountKey]
    return change.kind === 'add' ? [change.accountKey] : []
  })
  return [...new Map(keys.map(key => [keyText(key), key])).values()]
}

/** Whether the conversation has been at this head: whoever stands there can go on from it. */
export function goesOnFrom(
  chain: Pick<ConversationState, 'id' | 'number' | 'heads'>,
  { id, number, head }: Pick<ConversationState, 'id' | 'number' | 'head'>,
): boolean {
  if (!equalBytes(chain.id, id) || number > chain.number) return false
  return number === 0 || equalBytes(chain.heads[number - 1]!, head)
}
