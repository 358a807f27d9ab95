// Leaving a group: nobody can remove themselves in MLS (RFC 9420 section 12.1.3), so a device says that it leaves and
// another one commits it. The others wait for each other in the order of their leaves, so that few of them race.

import { create } from '@bufbuild/protobuf'
import type { Leave } from '../../../gen/parley/content/v1/content_pb.js'
import { GroupStatus, RemoveDevicesSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import type { Context } from '../context.js'
import type { Outbox } from '../messages/outbox.js'
import { sealBody, sealText } from '../messages/seal.js'
import { type Place, tell } from '../messages/system-message.js'
import { failWaiting, waitingTexts } from '../messages/unsent.js'
import type { Batch } from '../vault/records.js'
import type { LiveGroup } from './groups.js'
import { intend } from './intents.js'
import { accountsIn } from './membership.js'

/** Milliseconds that each device waits for the one before it, and at most. */
const TURN_MS = 300
const TURNS_MS = 10_000

/** Says that this account leaves, behind what was typed before. From here on nothing of the group is shown. */
export async function leave(context: Context, outbox: Outbox, batch: Batch, group: LiveGroup): Promise<void> {
  const { record } = group
  const accounts = accountsIn(context, group)
  const isAlone = accounts.length < 2
  // Whoever removes it then needs be no admin, here as at the others.
  const own = accounts.find(({ handle }) => handle === context.account.handle)
  record.leavingDeviceIds.push(...(own?.devices ?? []))
  if (isAlone || record.status !== GroupStatus.ACTIVE) record.status = GroupStatus.ENDED
  else {
    record.leaveDue = true
    const typed = waitingTexts(context).filter(({ conversation }) => conversation === record.conversation)
    for (const id of record.lost ? [] : typed) await sealText(context, outbox, batch, group, id)
    await sealLeave(context, outbox, batch, group)
  }
  noteLeft(context, batch, group, { sequence: record.lastSequence, storedAtMs: BigInt(context.clock.now()) })
  context.groups.save(batch, group)
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
  record.leaveDue = false
  await sealBody(context, outbox, batch, group, { case: 'leave', value: { account: true } })
}

/** This account has left, on this device or another. */
export function noteLeft(context: Context, batch: Batch, group: LiveGroup, place: Place): void {
  const { record } = group
  record.left = true
  context.intents.dropAll(batch, group)
  failWaiting(context, batch, record.conversation, 'not-in-room')
  tell(context, batch, group, place, { code: 'you-left' })
}

/** A device leaves, or all of its account. */
export function takeLeave(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  device: Uint8Array,
  { account }: Leave,
): void {
  const has = (devices: readonly Uint8Array[], id: Uint8Array) =>
    devices.some(other => Buffer.compare(other, id) === 0)
  const leaving = account
    ? (accountsIn(context, group).find(({ devices }) => has(devices, device))?.devices ?? [])
    : [device]
  removeWhenOurTurn(context, batch, group, leaving)
}

/** Notes that these devices may be removed by anybody, and that this one will, if nobody has by its turn. */
export function removeWhenOurTurn(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  devices: readonly Uint8Array[],
): void {
  if (devices.length === 0) return
  group.record.leavingDeviceIds.push(...devices)
  if (devices.some(device => Buffer.compare(device, context.account.device.publicKey) === 0)) return
  const change = {
    case: 'removeDevices',
    value: create(RemoveDevicesSchema, { deviceIds: [...devices] }),
  } as const
  intend(context, batch, group, change, myTurnMs(context, group, devices))
}

/** How long this device waits for those before it, when all but these devices could do the same. */
export function myTurnMs({ engine }: Context, group: LiveGroup, without: readonly Uint8Array[]): number {
  const others = engine
    .members(group.state)
    .filter(({ signatureKey }) => !without.some(device => Buffer.compare(device, signatureKey) === 0))
  const turn = others.findIndex(({ leaf }) => leaf === engine.ownLeaf(group.state))
  return Math.min(turn * TURN_MS, TURNS_MS)
}
