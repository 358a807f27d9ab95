// Those whom this endpoint has a conversation with.

import { isHandle } from '../protocol/identity/handle.js'
import { Refusal } from './codes/refusal.js'
import type { Context } from './context.js'
import { isIn } from './groups/state/group.js'
import type { Peer } from './history/conversations.js'
import type { ConversationNumber } from './ids.js'
import { admit } from './messages/requests.js'
import type { Presence } from './sync/presence.js'
import type { Transaction } from './vault/records.js'

export interface PersonHere {
  /** How they are shown: their handle, or what they claim with a part of their fingerprint behind it. */
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
  const known = conversations.get(conversation)
  const peer = conversations.with(conversation)
  if (!known || !peer) return undefined
  const accountKey = 'accountKey' in peer ? peer.accountKey : undefined
  const heard = Number((accountKey && contacts.get(accountKey)?.lastHeardMs) ?? 0n)
  const ready = groups.of(known.number).some(({ phase }) => isIn(phase))
  return {
    handle: known.peer,
    conversation: known.number,
    here: accountKey !== undefined && presence.isHere(accountKey),
    lastHeard: heard > 0 ? new Date(heard) : undefined,
    state: stateOf(contacts, peer) ?? (ready ? 'ready' : 'opening'),
    verified: accountKey !== undefined && contacts.isVerified(accountKey),
  }
}

function stateOf(contacts: Context['contacts'], peer: Peer): 'blocked' | 'key-changed' | undefined {
  const { isBlocked, hasChanged } =
    'accountKey' in peer
      ? { isBlocked: contacts.isBlocked(peer.accountKey), hasChanged: contacts.hasChanged(peer.accountKey) }
      : {
          isBlocked: contacts.handles.get(peer.awaited)?.blocked === true,
          hasChanged: contacts.handles.hasChanged(peer.awaited),
        }
  if (isBlocked) return 'blocked'
  return hasChanged ? 'key-changed' : undefined
}

/** With whoever is shown by this name, else with whoever the handle will be pinned to. Throws Refusal. */
export function openWith(context: Context, tx: Transaction, name: string): ConversationNumber {
  const { account, contacts, conversations } = context
  if (name === account.handle) throw new Refusal({ code: 'own-handle', handle: name })
  const accountKey = contacts.find(name)
  if (accountKey) {
    admit(context, tx, accountKey)
    return conversations.open(tx, accountKey)
  }
  if (!isHandle(name)) throw new Refusal({ code: 'bad-handle', handle: name })
  return conversations.openAwaiting(tx, name)
}
