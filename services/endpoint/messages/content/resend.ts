// What could not be opened is asked for again, and said again once by the device that sent it.

import type { Content, ResendRequest } from '../../../../gen/parley/content/v1/content_pb.js'
import { GroupStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import type { Context } from '../../context.js'
import type { KnownSender, LiveGroup } from '../../groups/groups.js'
import type { Batch } from '../../vault/records.js'
import type { Outbox } from '../outbox.js'
import { sealBody } from '../seal.js'

/** Counts of one device that are remembered as missing, and asked for: the newest. */
const MISSING_COUNTS = 256

/** Notes that these counts of a device were skipped. */
export function noteMissing({ sender }: KnownSender, first: bigint, last: bigint): void {
  const from = last - first >= MISSING_COUNTS ? last - BigInt(MISSING_COUNTS) + 1n : first
  for (let count = from; count <= last; count++) sender.missing.push(count)
  sender.missing = sender.missing.slice(-MISSING_COUNTS)
}

/** A receipt covers everything up to a count, so it must stop before what is missing. */
export function owedUpTo({ sender }: KnownSender, count: bigint): bigint {
  const first = sender.missing[0]
  return first !== undefined && first <= count ? first - 1n : count
}

/** Whether this says again what is missing here; then it is not missing any more. */
export function takeResent(known: KnownSender, { resentCount }: Content): boolean {
  if (!known.sender.missing.includes(resentCount)) return false
  forget(known, [resentCount])
  return true
}

/** These counts are not missing, and do not hold a receipt back any more. */
export function forget({ sender }: KnownSender, counts: readonly bigint[]): void {
  sender.missing = sender.missing.filter(count => !counts.includes(count))
}

/** Asks a device for what it sent under these counts. */
export async function askAgain(
  context: Context,
  outbox: Outbox,
  batch: Batch,
  group: LiveGroup,
  { deviceId, counts }: { deviceId: Uint8Array; counts: readonly bigint[] },
): Promise<void> {
  const { status, left, lost } = group.record
  if (status !== GroupStatus.ACTIVE || left || lost || counts.length === 0) return
  const value = { deviceId, counts: [...counts] }
  await sealBody(context, outbox, batch, group, { case: 'resendRequest', value })
}

/** Says again what this device sent, for whoever could not open it; each text once. */
export async function sayAgain(
  context: Context,
  outbox: Outbox,
  batch: Batch,
  group: LiveGroup,
  { deviceId, counts }: ResendRequest,
): Promise<void> {
  if (Buffer.compare(deviceId, context.account.device.publicKey) !== 0) return
  const nothing: bigint[] = []
  for (const count of counts.slice(0, MISSING_COUNTS)) {
    const place = { group: group.number, id: count }
    const sent = batch.get('sent', place)
    const message = sent && batch.get('messages', { group: sent.conversation, id: sent.message })
    if (!sent || !message) {
      nothing.push(count)
      continue
    }
    batch.delete('sent', place)
    const body = { case: 'text', value: { text: message.text } } as const
    await sealBody(context, outbox, batch, group, body, { sentAtMs: message.sentAtMs, resentCount: count })
  }
  if (nothing.length === 0) return
  await sealBody(context, outbox, batch, group, { case: 'nothingToResend', value: { counts: nothing } })
}
