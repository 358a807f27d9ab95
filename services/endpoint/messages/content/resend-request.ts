// A device asks again for what it could not open, and the device that sent it says it again, once.

import { equalBytes } from '../../../protocol/bytes.js'
import { needsFreshKeys } from '../../groups/state/fresh-keys.js'
import { can } from '../../groups/state/group.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import { type Count, countOf, type DeviceKey } from '../../ids.js'
import type { Transaction } from '../../vault/records.js'
import { MISSING_COUNTS } from '../missing.js'
import type { MessageParts } from '../sealing/parts.js'
import { isSilent, sealBody } from '../sealing/seal.js'
import type { ContentType } from './content-type.js'

/** Asks a device for what it sent under these counts. */
export async function askAgain(
  parts: Pick<MessageParts, 'account' | 'clock' | 'engine' | 'groups' | 'lists' | 'outbox'>,
  tx: Transaction,
  group: LiveGroup,
  { deviceId, counts }: { deviceId: DeviceKey; counts: readonly Count[] },
): Promise<void> {
  if (!can(group.phase, 'tell-devices') || counts.length === 0) return
  const value = { deviceId, counts: [...counts] }
  await sealBody(parts, tx, group, { case: 'resendRequest', value })
}

/** Says again what this device sent, for whoever could not open it, where its type says so; each message once. */
export const resendRequest: ContentType<'resendRequest'> = {
  owesReceipt: true,
  fromBlocked: false,
  async take(parts, tx, { group }, { deviceId, counts }) {
    if (!equalBytes(deviceId, parts.account.device.publicKey) || isSilent(parts, group)) return
    // With fresh keys this device counts anew: nobody would know what it is that is said again.
    if (!can(group.phase, 'tell-devices') || needsFreshKeys(group)) return
    const { conversation } = group.record
    const nothing: Count[] = []
    for (const count of counts.slice(0, MISSING_COUNTS).map(countOf)) {
      const place = { group: group.number, id: count }
      const sent = tx.get('sent', place)
      const message = sent && parts.conversations.message({ conversation, message: sent.message })
      const body = message && parts.lines.of(message)?.body(message)
      if (!sent || !body) {
        nothing.push(count)
        continue
      }
      tx.delete('sent', place)
      await sealBody(parts, tx, group, body, { sentAtMs: message.sentAtMs, resentCount: count })
    }
    if (nothing.length === 0) return
    await sealBody(parts, tx, group, { case: 'nothingToResend', value: { counts: nothing } })
  },
}
