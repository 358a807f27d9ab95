// Every conversation as a person knows it: whether it can be written in, what its history lacks, and its groups.

import { MessageKind } from '../../../gen/parley/vault/v1/records_pb.js'
import type { ConversationFound, Deed } from '../codes/finding.js'
import type { Unreadable } from '../codes/unreadable.js'
import type { Context } from '../context.js'
import type { LiveGroup } from '../groups/state/groups.js'
import type { KnownConversation } from '../history/conversations.js'
import type { ConversationNumber } from '../ids.js'
import { isStopped } from '../messages/sealing/seal.js'
import { waitingLines } from '../messages/sealing/unsent.js'
import { unreadableOf } from '../vault/said.js'
import type { Diagnosis, Finding } from './finding.js'
import { examineGroup, pointlessIntents } from './group.js'

/** Looks at every conversation. Throws VaultError. `lookAgain`: opens conversations that have no group. */
export function examineConversations(context: Context, lookAgain: () => void): Diagnosis[] {
  const waiting = waitingLines(context)
  return context.conversations.all().flatMap(conversation => {
    const groups = context.groups.of(conversation.number)
    const live = groups.filter(({ phase }) => phase.name !== 'ended')
    const waitingHere = waiting.filter(id => id.conversation === conversation.number).length
    const diagnoses = [
      ...trust(context, conversation),
      ...live.flatMap(group => examineGroup(context, group)),
      ...(live.length === 0 ? withoutGroup(context, conversation, { groups, waitingHere, lookAgain }) : []),
      ...groups
        .filter(group => !live.includes(group))
        .flatMap(group => leftOver(context, conversation, group)),
      ...history(context, conversation, { groups, waitingHere }),
    ]
    return diagnoses
  })
}

const findingOf = (
  { peer }: KnownConversation,
  rest: Omit<Finding, 'area' | 'peer'>,
  mend?: Diagnosis['mend'],
): Diagnosis => ({ finding: { area: 'conversation', peer, ...rest }, ...(mend ? { mend } : {}) })

function trust(
  { contacts, conversations }: Pick<Context, 'contacts' | 'conversations'>,
  conversation: KnownConversation,
): Diagnosis[] {
  const { peer, number } = conversation
  const other = conversations.with(number)
  if (!other) return []
  if ('accountKey' in other && contacts.isBlocked(other.accountKey))
    return [
      findingOf(conversation, { check: 'trust', verdict: 'note', found: { code: 'blocked', handle: peer } }),
    ]
  const hasChanged =
    'accountKey' in other ? contacts.hasChanged(other.accountKey) : contacts.handles.hasChanged(other.awaited)
  if (!hasChanged) return []
  return [
    findingOf(conversation, {
      check: 'trust',
      verdict: 'problem',
      found: { code: 'key-changed', handle: peer },
    }),
  ]
}

interface Carriers {
  groups: readonly LiveGroup[]
  waitingHere: number
}

function withoutGroup(
  context: Pick<Context, 'contacts' | 'conversations'>,
  conversation: KnownConversation,
  { groups, waitingHere, lookAgain }: Carriers & { lookAgain(): void },
): Diagnosis[] {
  const { kind, number, peer } = conversation
  const of = (verdict: Finding['verdict'], found: ConversationFound, mend?: Diagnosis['mend']) => [
    findingOf(conversation, { check: 'group', verdict, found }, mend),
  ]
  if (kind === 'room') return of('note', { code: 'not-in-room' })
  if (kind === 'own-devices') return of('note', { code: 'no-other-device' })
  if (isStopped(context, number)) return []
  if (context.conversations.isFromHistory(number) && waitingHere === 0)
    return of('well', { code: 'from-history' })
  const mend = (): Deed => {
    lookAgain()
    return { code: 'looked-again' }
  }
  if (groups.length === 0) return of('note', { code: 'nobody-reachable', handle: peer }, mend)
  return of('problem', { code: 'keys-useless' }, mend)
}

function leftOver(
  context: Pick<Context, 'intents'>,
  conversation: KnownConversation,
  group: LiveGroup,
): Diagnosis[] {
  return pointlessIntents(context, group).map(({ draft, mend }) =>
    findingOf(conversation, { ...draft, about: `${group.number}` }, mend),
  )
}

/** Lines that could not be read, and texts that are still on their way. */
function history(
  context: Pick<Context, 'contacts' | 'records'>,
  conversation: KnownConversation,
  { groups, waitingHere }: Carriers,
): Diagnosis[] {
  const diagnoses: Diagnosis[] = []
  for (const { cause, count } of unreadableIn(context, conversation.number))
    diagnoses.push(
      findingOf(conversation, {
        check: 'unreadable',
        about: causeName(cause),
        verdict: 'note',
        found: { code: 'unreadable', count, why: cause },
      }),
    )
  const undelivered = groups
    .map(({ number }) => context.records.list('undelivered', { group: number }).length)
    .reduce((sum, each) => sum + each, 0)
  const note = (check: string, found: ConversationFound) =>
    diagnoses.push(findingOf(conversation, { check, verdict: 'note', found }))
  if (waitingHere > 0) note('waiting', { code: 'unsent', count: waitingHere })
  if (undelivered > 0 && conversation.kind === 'direct')
    note('undelivered', { code: 'undelivered', count: undelivered })
  return diagnoses
}

interface UnreadableLines {
  cause: Unreadable
  count: number
}

/** By cause. A message that is said again later counts all the same: its line stays. */
function unreadableIn(
  { contacts, records }: Pick<Context, 'contacts' | 'records'>,
  conversation: ConversationNumber,
): UnreadableLines[] {
  const byCause = new Map<string, UnreadableLines>()
  for (const { record } of records.list('messages', { group: conversation })) {
    if (record.kind !== MessageKind.UNREADABLE && record.kind !== MessageKind.GAP) continue
    const cause = contacts.named(unreadableOf(record.unreadable))
    const known = byCause.get(causeName(cause)) ?? { cause, count: 0 }
    known.count++
    byCause.set(causeName(cause), known)
  }
  return [...byCause.values()]
}

const causeName = (cause: Unreadable): string => Object.values(cause).map(String).sort().join(' ')
