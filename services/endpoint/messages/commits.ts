// The effects above the group of a commit at its place in the order: lines of the history, people met, newcomers
// who are owed what was said before.

import type { DeliveredCommit, Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { includesKey } from '../../protocol/keys.js'
import { adopt, type NewEpoch, takeCommit } from '../groups/commit.js'
import { accountsIn } from '../groups/membership.js'
import { can } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import { noteBreaker } from '../groups/succession.js'
import type { IntentNumber, Placed } from '../ids.js'
import type { Transaction } from '../vault/records.js'
import { beginEpoch } from './fork-detection.js'
import { noteFreshKeys } from './fresh-keys.js'
import { learnLists } from './lists/learned-lists.js'
import { stateLost } from './rejoin-requests.js'
import type { MessageParts } from './sealing/parts.js'
import { noteHeard, onBroken, onOwnSuccessor, takeNoMore } from './succession.js'
import { appendSystemMessage, appendUnreadable, type PlaceInOrder } from './system-message.js'
import { onAdded } from './transfer/due.js'
import { carryOut } from './transition.js'

/** A commit of another member. */
export async function receiveCommit(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  envelope: Placed<Envelope>,
  commit: DeliveredCommit,
): Promise<void> {
  // It was refused, or the conversation goes on elsewhere: what comes behind that is nobody's to open.
  if (group.phase.name === 'broken' || group.phase.name === 'ended') return
  const done = await takeCommit(parts, tx, group, commit)
  switch (done.outcome) {
    case 'removed':
      return carryOut(parts, tx, group, done.effects, { place: envelope, by: done.by })
    case 'broken':
      appendUnreadable(parts, tx, group, envelope, { code: 'against-rules', from: done.from })
      return onBroken(parts, tx, group, done.from)
    case 'parted':
      appendUnreadable(parts, tx, group, envelope, { code: 'forked', from: done.from })
      return takeNoMore(parts, tx, group, {})
    case 'not-signed':
      return appendUnreadable(parts, tx, group, envelope, { code: 'not-signed' })
    case 'not-opened':
      appendUnreadable(parts, tx, group, envelope, done.why)
      // Where others ask as well it is not only here (lostTogether); where they take this device in again, it is.
      if (done.from) noteBreaker(parts, tx, group, done.from)
      return stateLost(parts, tx, group)
    case 'applied':
      onNewEpoch(parts, tx, group, envelope, done)
      noteHeard(parts, tx, group, done.change.by)
      if (!done.isAsClaimed)
        tx.tell({
          type: 'notice',
          level: 'warning',
          notice: { code: 'other-devices', peer: parts.conversations.peer(group.record.conversation) },
        })
  }
}

/** A commit of this device stands in the order. */
export function receiveOwnCommit(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  place: PlaceInOrder,
  intents: readonly IntentNumber[],
): void {
  const done = adopt(parts, tx, group, intents)
  if (!done) return
  noteFreshKeys(parts, tx, group)
  onNewEpoch(parts, tx, group, place, done)
  carryOut(parts, tx, group, done.effects, { place })
  if (group.record.incarnation > 1 && done.before.epoch === 0n) onOwnSuccessor(parts, tx, group, place)
}

function onNewEpoch(
  parts: Pick<
    MessageParts,
    'account' | 'clock' | 'contacts' | 'conversations' | 'devices' | 'engine' | 'groups' | 'intents' | 'lists'
  >,
  tx: Transaction,
  group: LiveGroup,
  place: PlaceInOrder,
  { before, after, change, isOurs, lines }: NewEpoch,
): void {
  const authenticator = parts.engine.epochAuthenticator(group.state)
  const { sequence } = place
  parts.groups.change(tx, group, { log: beginEpoch(group.record.log, { sequence, authenticator }) })
  learnLists(parts, tx, after, before)
  for (const account of accountsIn(parts, group))
    if (account.devices.some(device => includesKey(change.added, device))) parts.contacts.see(tx, account)
  onAdded(parts, tx, group, { change, isOurs })
  for (const said of can(group.phase, 'show') ? lines : []) appendSystemMessage(parts, tx, group, place, said)
  const { settings } = after.state
  if (settings && settings.name !== before.state.settings?.name)
    parts.conversations.rename(tx, group.record.conversation, settings.name)
}
