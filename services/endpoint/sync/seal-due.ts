// From what waits to what is on its way: commits that are due, receipts that are owed, texts in the order they were
// typed, and what goes out beside them. All is sealed and saved in one write before any of it is given to the network.

import { notMade } from '../codes/notice.js'
import type { Context, Unit } from '../context.js'
import { commitIntents, commitUpdate } from '../groups/intents.js'
import type { DueGroup } from '../groups/state/due.js'
import { needsFreshKeys, wasRefusedLately } from '../groups/state/fresh-keys.js'
import { can, isIn } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import type { ConversationNumber } from '../ids.js'
import { sealAdmitted } from '../messages/content/admitted.js'
import { sealNames } from '../messages/content/device-name.js'
import { sealGiven } from '../messages/content/history-given.js'
import { sealReceipt } from '../messages/content/receipt.js'
import { giveUpDoubtful } from '../messages/copied-vault.js'
import { askWhenDue } from '../messages/rejoin-requests.js'
import { dropHeld, holdingGroups, takeHeld } from '../messages/sealing/held.js'
import { type Outbox, type OutboxItem, type Queued, queueCommit } from '../messages/sealing/outbox.js'
import { isSilent, sealBody, sealLine, sendingGroup } from '../messages/sealing/seal.js'
import { waitingLines } from '../messages/sealing/unsent.js'
import { sealLeave } from '../messages/self-removal.js'
import { sealTransfers } from '../messages/transfer/history-transfer.js'
import { beginAnew } from './begin-anew.js'

export interface Due {
  /** In ms since 1970. */
  now: number
  /** Whether the receipts that are owed are due. */
  receipts: boolean
}

/** Seals all that is due, as far as the outbox has room. */
export async function sealDue(unit: Unit, due: Due): Promise<void> {
  const { context, tx } = unit
  giveUpDoubtful(context, tx, due.now)
  askWhenDue(context, tx)
  await sealHeld(unit)
  await fillOutbox(unit, due)
  for (const group of dueGroups(context, ({ atMs }) => atMs !== undefined && atMs <= due.now))
    await sealLeave(context, tx, group)
  await sealNames(context, tx)
  await sealAdmitted(context, tx)
  await sealGiven(context, tx)
  await sealTransfers(context, tx)
  for (const number of holdingGroups(context.records)) await renew(unit, context.groups.get(number)!)
}

/** Seals commits, receipts and texts. */
export async function fillOutbox(unit: Unit, { now, receipts }: Due): Promise<void> {
  const { context, outbox, tx } = unit
  const isDue = ({ atMs, receipts: owed }: DueGroup) =>
    (atMs !== undefined && atMs <= now) || (receipts && owed)
  for (const group of dueGroups(context, isDue)) {
    if (outbox.room() <= 0) return
    if (!hasCommitOut(outbox, group)) await commitIn(unit, group, now)
    if (receipts) await sealReceipt(context, tx, group)
  }
  const groups = new Map<ConversationNumber, LiveGroup | undefined>()
  for (const id of waitingLines(context)) {
    if (outbox.room() <= 0) return
    if (!groups.has(id.conversation)) groups.set(id.conversation, openGroup(unit, id.conversation))
    const group = groups.get(id.conversation)
    if (group) await renew(unit, group)
    if (group) await sealLine(context, tx, group, id)
  }
}

/**
 * The group that texts can be sealed in now. The server may yet refuse one that is on its way in the group before, which is
 * then sealed here: until it has that one, what was typed behind it waits, so that nobody reads it first.
 */
function openGroup({ context, outbox, tx }: Unit, conversation: ConversationNumber): LiveGroup | undefined {
  if (beginAnew(context, tx, conversation)) return undefined
  const group = sendingGroup(context, conversation)
  const isAhead = ({ accepted, item }: Queued) =>
    !accepted &&
    item.group !== group?.number &&
    isLine(item) &&
    context.groups.get(item.group)?.record.conversation === conversation
  return outbox.items().some(isAhead) ? undefined : group
}

const isLine = ({ what }: OutboxItem): boolean => what.case === 'content' && what.value.message !== 0n

/** Seals what was held until this device had fresh keys. */
async function sealHeld({ context, outbox, tx }: Unit): Promise<void> {
  for (const number of holdingGroups(context.records)) {
    const group = context.groups.get(number)
    if (!group || !isIn(group.phase)) dropHeld(tx, number)
    else if (can(group.phase, 'tell-devices') && !needsFreshKeys(group))
      for (let room = outbox.room(); room > 0; room--) {
        const held = takeHeld(tx, group)
        if (!held) break
        await sealBody(context, tx, group, held.body, held)
      }
  }
}

/** Commits fresh keys where nothing can be sealed without. */
async function renew(unit: Unit, group: LiveGroup): Promise<void> {
  if (!needsFreshKeys(group) || !can(group.phase, 'commit') || hasCommitOut(unit.outbox, group)) return
  if (!wasRefusedLately(group, unit.context.clock.now())) await update(unit, group)
}

/** Commits what is due: fresh keys before anything else where they are needed, for others may have to be told why. */
async function commitIn(unit: Unit, group: LiveGroup, now: number): Promise<void> {
  const { due, intents } = unit.context
  const mayUpdate = () => due.isUpdateDue(group.number, now) && !isSilent(unit.context, group)
  if (needsFreshKeys(group)) {
    const isIntended = intents.of(group).some(({ intent }) => intent.notBeforeMs <= now)
    if (isIntended || mayUpdate()) await renew(unit, group)
  } else if (!(await commitDue(unit, group, now)) && mayUpdate()) await update(unit, group)
}

const dueGroups = ({ due, groups }: Context, isDue: (due: DueGroup) => boolean): LiveGroup[] =>
  due.all().flatMap(each => (isDue(each) ? (groups.get(each.group) ?? []) : []))

/** One that lost its race stays here until the server has said so; a second one would be taken for it then. */
const hasCommitOut = (outbox: Outbox, { number }: LiveGroup): boolean =>
  outbox.items().some(({ item }) => item.group === number && item.what.case === 'commit')

/** Commits what this device is to change in the group and is due. True: a commit was queued. */
async function commitDue({ context, outbox, tx }: Unit, group: LiveGroup, now: number): Promise<boolean> {
  const { made, impossible } = await commitIntents(context, tx, group, now)
  const peer = context.conversations.peer(group.record.conversation)
  for (const { handle, cause } of impossible)
    tx.tell(notMade({ handle, peer, why: { code: 'impossible', cause } }))
  if (made) queueCommit(outbox, tx, group.number, made)
  return made !== undefined
}

async function update({ context, outbox, tx }: Unit, group: LiveGroup): Promise<void> {
  queueCommit(outbox, tx, group.number, await commitUpdate(context, tx, group))
}
