// Receipts of what arrived: devices make them, end to end, and a text is delivered when every other account
// has it on some device.

import { MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { equalBytes } from '../../../protocol/bytes.js'
import { accountsIn, isOwn } from '../../groups/membership.js'
import { can } from '../../groups/state/group.js'
import type { LiveGroup, Sender } from '../../groups/state/groups.js'
import { type Count, countOf, larger, smaller } from '../../ids.js'
import type { Transaction } from '../../vault/records.js'
import type { MessageParts } from '../sealing/parts.js'
import { isSilent, sealBody } from '../sealing/seal.js'
import type { ContentType } from './content-type.js'

/** In larger conversations nobody says what has arrived: it would be more than what is said. */
export const RECEIPT_DEVICES = 32
const NO_COUNT = countOf(0n)

/** Those whose texts are here and who were not told so, where they may be told. */
export function owing(
  parts: Pick<MessageParts, 'account' | 'contacts' | 'conversations' | 'engine' | 'lists'>,
  group: LiveGroup,
): Sender[] {
  if (!can(group.phase, 'tell-devices') || isSilent(parts, group)) return []
  const owed = group.owed()
  return owed.length > 0 && parts.engine.members(group.state).length > RECEIPT_DEVICES ? [] : owed
}

export async function sealReceipt(
  parts: Pick<
    MessageParts,
    'account' | 'clock' | 'contacts' | 'conversations' | 'engine' | 'groups' | 'lists' | 'outbox'
  >,
  tx: Transaction,
  group: LiveGroup,
): Promise<void> {
  const senders = owing(parts, group)
  if (senders.length === 0) return
  const delivered = senders.map(({ deviceId, owed }) => ({ deviceId, count: owed }))
  for (const sender of senders) parts.groups.saveSender(tx, group, { ...sender, receipted: sender.owed })
  await sealBody(parts, tx, group, { case: 'receipt', value: { delivered } })
}

/** A device has what this one sent. A text is delivered when every other account has it on some device. */
export const receipt: ContentType<'receipt'> = {
  owesReceipt: false,
  fromBlocked: true,
  take(parts, tx, { group, device, isOurs }, { delivered }) {
    if (isOurs) return
    const sender = group.sender(device)
    let { confirmed } = sender
    const own = parts.account.device.publicKey
    for (const { deviceId, count } of delivered) {
      if (!equalBytes(deviceId, own)) continue
      // A receipt for more than was sent cannot mark what is sent later.
      const sent = smaller(countOf(count), countOf(group.record.nextCount - 1n))
      confirmed = larger(sent, confirmed)
    }
    parts.groups.saveSender(tx, group, { ...sender, confirmed })
    const before = countOf(confirmedByAll(parts, group) + 1n)
    for (const { key, record } of parts.records.list('undelivered', { group: group.number, before })) {
      const id = { conversation: group.record.conversation, message: record.message }
      parts.conversations.update(tx, id, { status: MessageStatus.DELIVERED })
      tx.delete('undelivered', key)
    }
  },
}

function confirmedByAll(parts: Pick<MessageParts, 'account' | 'engine'>, group: LiveGroup): Count {
  // One of which no device is there yet is waited for by nobody.
  const others = accountsIn(parts, group).filter(
    account => !isOwn(parts, account) && account.devices.length > 0,
  )
  const confirmed = others.map(({ devices }) =>
    devices.reduce((top, device) => larger(group.sender(device).confirmed, top), NO_COUNT),
  )
  return confirmed.reduce(smaller, confirmed[0] ?? NO_COUNT)
}
