// Those whom this endpoint has a conversation with.

import type { Context } from './context.js'
import { isIn } from './groups/state/group.js'
import type { ConversationNumber } from './ids.js'
import type { Presence } from './sync/presence.js'

export interface PersonHere {
  handle: string
  conversation: ConversationNumber
  /** As its device told it last; false when nothing was heard of it lately. */
  here: boolean
  /** undefined: never. */
  lastHeard: Date | undefined
  /** Whether texts can go out now, or why not. */
  state: 'ready' | 'opening' | 'key-changed' | 'blocked'
  /** A person has compared the safety number. */
  verified: boolean
}

type PeopleParts = Pick<Context, 'contacts' | 'conversations' | 'groups'>

export function people(parts: PeopleParts, presence: Presence): PersonHere[] {
  return parts.conversations.all().flatMap(({ number }) => personIn(parts, presence, number) ?? [])
}

/** undefined: it is no conversation with one person. */
export function personIn(
  { conversations, contacts, groups }: PeopleParts,
  presence: Presence,
  conversation: ConversationNumber,
): PersonHere | undefined {
  const { kind, peer } = conversations.get(conversation) ?? {}
  if (kind !== 'direct' || peer === undefined) return undefined
  const heard = Number(contacts.get(peer)?.lastHeardMs ?? 0n)
  const ready = groups.of(conversation).some(({ phase }) => isIn(phase))
  return {
    handle: peer,
    conversation,
    here: presence.isHere(peer),
    lastHeard: heard > 0 ? new Date(heard) : undefined,
    state: stateOf(contacts, peer) ?? (ready ? 'ready' : 'opening'),
    verified: contacts.isVerified(peer),
  }
}

function stateOf(contacts: Context['contacts'], handle: string): 'blocked' | 'key-changed' | undefined {
  if (contacts.isBlocked(handle)) return 'blocked'
  return contacts.hasChanged(handle) ? 'key-changed' : undefined
}
