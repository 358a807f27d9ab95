// The effects above the group of a commit at its place in the order: lines of the history, people met, newcomers
// who are owed what was said before.

import { GroupKind } from '../../../gen/parley/content/v1/room_pb.js'
import type { DeliveredCommit, Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { adopt, type NewEpoch, takeCommit } from '../groups/commit.js'
import { can } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import type { IntentNumber, Placed } from '../ids.js'
import type { Transaction } from '../vault/records.js'
import { beginEpoch } from './fork-detection.js'
import { noteFreshKeys } from './fresh-keys.js'
import { stateLost } from './rejoin-requests.js'
import type { MessageParts } from './sealing/parts.js'
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
  const done = await takeCommit(parts, tx, group, commit)
  switch (done.outcome) {
    case 'removed':
      return carryOut(parts, tx, group, done.effects, { place: envelope, by: done.by })
    case 'against-rules':
      return appendUnreadable(parts, tx, group, envelope, { code: 'against-rules', from: done.from })
    case 'not-signed':
      return appendUnreadable(parts, tx, group, envelope, { code: 'not-signed' })
    case 'not-opened':
      appendUnreadable(parts, tx, group, envelope, done.why)
      return stateLost(parts, tx, group)
    case 'applied':
      onNewEpoch(parts, tx, group, envelope, done)
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
}

function onNewEpoch(
  parts: Pick<
    MessageParts,
    'account' | 'clock' | 'contacts' | 'conversations' | 'devices' | 'engine' | 'groups'
  >,
  tx: Transaction,
  group: LiveGroup,
  place: PlaceInOrder,
  { before, after, change: { added }, isOurs, lines }: NewEpoch,
): void {
  const authenticator = parts.engine.epochAuthenticator(group.state)
  const { sequence } = place
  parts.groups.change(tx, group, { log: beginEpoch(group.record.log, { sequence, authenticator }) })
  for (const { identity } of added) parts.contacts.see(tx, parseVerifiedCertificate(identity))
  onAdded(parts, tx, group, { before, added, isOurs })
  for (const said of can(group.phase, 'show') ? lines : []) appendSystemMessage(parts, tx, group, place, said)
  if (after.settings.kind === GroupKind.ROOM && after.settings.name !== before.settings.name)
    parts.conversations.rename(tx, group.record.conversation, after.settings.name)
}
