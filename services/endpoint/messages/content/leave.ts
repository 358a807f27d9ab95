// An account leaves a group: it says so, and a device of somebody else commits it.

import { GroupStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import type { Context } from '../../context.js'
import type { LiveGroup } from '../../groups/groups.js'
import { accountsIn } from '../../groups/membership.js'
import { takeLeave } from '../../groups/self-removal.js'
import type { Batch } from '../../vault/records.js'
import type { Outbox } from '../outbox.js'
import { sealBody, sealText } from '../seal.js'
import { type Place, tell } from '../system-message.js'
import { failWaiting, waitingTexts } from '../unsent.js'
import type { ContentType } from './content-type.js'

export const leave: ContentType<'leave'> = {
  owesReceipt: true,
  fromBlocked: true,
  putBack({ groups }, batch, { group }) {
    groups.change(batch, group, { leaveDue: true })
  },
  take(context, _, batch, { group, envelope, device, isOurs }, value) {
    if (isOurs && value.account) noteLeft(context, batch, group, envelope)
    takeLeave(context, batch, group, device, value)
  },
}

/** Says that this account leaves, behind what was typed before. From here on nothing of the group is shown. */
export async function leaveGroup(
  context: Context,
  outbox: Outbox,
  batch: Batch,
  group: LiveGroup,
): Promise<void> {
  const { record } = group
  const accounts = accountsIn(context, group)
  const isAlone = accounts.length < 2
  // Whoever removes it then needs be no admin, here as at the others.
  const own = accounts.find(({ handle }) => handle === context.account.handle)
  const leavingDeviceIds = [...record.leavingDeviceIds, ...(own?.devices ?? [])]
  context.groups.change(batch, group, { leavingDeviceIds })
  if (isAlone || record.status !== GroupStatus.ACTIVE)
    context.groups.change(batch, group, { status: GroupStatus.ENDED })
  else {
    context.groups.change(batch, group, { leaveDue: true })
    const typed = waitingTexts(context).filter(({ conversation }) => conversation === record.conversation)
    for (const id of record.lost ? [] : typed) await sealText(context, outbox, batch, group, id)
    await sealLeave(context, outbox, batch, group)
  }
  noteLeft(context, batch, group, { sequence: record.lastSequence, storedAtMs: BigInt(context.clock.now()) })
}

/** Says that this account leaves, where that is due and this device has the state to say it with. */
export async function sealLeave(
  context: Context,
  outbox: Outbox,
  batch: Batch,
  group: LiveGroup,
): Promise<void> {
  const { record } = group
  if (!record.leaveDue || record.lost || record.status !== GroupStatus.ACTIVE) return
  context.groups.change(batch, group, { leaveDue: false })
  await sealBody(context, outbox, batch, group, { case: 'leave', value: { account: true } })
}

/** This account has left, on this device or another. */
function noteLeft(context: Context, batch: Batch, group: LiveGroup, place: Place): void {
  context.groups.change(batch, group, { left: true })
  context.intents.dropAll(batch, group)
  failWaiting(context, batch, group.record.conversation, 'not-in-room')
  tell(context, batch, group, place, { code: 'you-left' })
}
