// Chains as an altered program writes them: each entry is signed and names the one before it, whatever the rules of a
// room say of it.

import type { SignedChainEntry } from '../../gen/parley/content/v1/chain_pb.js'
import type { OwnAccount } from '../../services/endpoint/contacts/account.js'
import type { Held } from '../../services/endpoint/groups/state/held.js'
import { checkChain } from '../../services/protocol/conversation/chain/chain.js'
import type { Change } from '../../services/protocol/conversation/chain/change.js'
import { makeEntry, readEntry } from '../../services/protocol/conversation/chain/entry.js'
import type { ConversationState } from '../../services/protocol/conversation/chain/state.js'
import { sameKey } from '../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../services/protocol/node/crypto.js'

interface Place {
  changes: readonly Change[]
  groupId: Uint8Array
  epoch: bigint
}

/** A group with more entries, and the state that its members would have if all of them held. */
export function extended(
  held: Held,
  by: Pick<OwnAccount, 'device' | 'certificate'>,
  { changes, groupId, epoch }: Place,
): Held & { added: SignedChainEntry[] } {
  let { state } = held
  const entries = [...held.entries]
  const added: SignedChainEntry[] = []
  for (const change of changes) {
    const signed = makeEntry(crypto, { before: state, groupId, epoch }, { ...by, change })
    const entry = readEntry(crypto, signed)
    const { number, hash: head } = entry
    state = { ...changed(state, change, number), number, head, heads: [...state.heads, head] }
    entries.push(entry)
    added.push(signed)
  }
  return { ...held, state, entries, added }
}

function changed(state: ConversationState, change: Change, number: number): ConversationState {
  const { members } = state
  switch (change.kind) {
    case 'settings':
      return { ...state, settings: change.settings }
    case 'add':
      return {
        ...state,
        members: [...members, { accountKey: change.accountKey, added: number, isAdmin: false }],
      }
    case 'remove':
      return { ...state, members: members.filter(each => !sameKey(each.accountKey, change.accountKey)) }
    case 'make-admin':
    case 'unmake-admin': {
      const isAdmin = change.kind === 'make-admin'
      const isMeant = (key: Uint8Array) => Buffer.compare(key, change.accountKey) === 0
      return {
        ...state,
        members: members.map(each => (isMeant(each.accountKey) ? { ...each, isAdmin } : each)),
      }
    }
    default:
      return state
  }
}

/** A room as it was after so many entries. */
export function cutTo(held: Held, entries: number): Held {
  const kept = held.entries.slice(0, entries)
  const { state } = checkChain(
    crypto,
    kept.map(({ signed }) => signed),
  )
  return { ...held, state, entries: kept }
}
