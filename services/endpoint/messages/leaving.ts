// A person leaves a room: it is said, behind what was typed before, and another member commits it.

import type { Context } from '../context.js'
import { can } from '../groups/group.js'
import type { LiveGroup } from '../groups/groups.js'
import { accountsIn } from '../groups/membership.js'
import { transition } from '../groups/transition.js'
import type { Batch } from '../vault/records.js'
import { sealBody, sealText } from './seal.js'
import { move } from './transition.js'
import { waitingTexts } from './unsent.js'

/** From here on nothing of the group is shown. */
export async function leaveGroup(context: Context, batch: Batch, group: LiveGroup): Promise<void> {
  const { record } = group
  const accounts = accountsIn(context, group)
  // Whoever removes it then needs be no admin, here as at the others.
  const own = accounts.find(({ handle }) => handle === context.account.handle)
  const leavingDeviceIds = [...record.leavingDeviceIds, ...(own?.devices ?? [])]
  context.groups.change(batch, group, { leavingDeviceIds })
  const typed = waitingTexts(context).filter(({ conversation }) => conversation === record.conversation)
  if (can(group.phase, 'send')) for (const id of typed) await sealText(context, batch, group, id)
  move(context, batch, group, { input: 'leave', alone: accounts.length < 2 })
  await sealLeave(context, batch, group)
}

/** Says that this account leaves, where that is due and this device has the state to say it with. */
export async function sealLeave(context: Context, batch: Batch, group: LiveGroup): Promise<void> {
  if (!can(group.phase, 'say-leave')) return
  transition(context, batch, group, { input: 'leave-sealed' })
  await sealBody(context, batch, group, { case: 'leave', value: { account: true } })
}
