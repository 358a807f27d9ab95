// A person has agreed that a new device is handed the history: the devices of the account tell each other, so that none
// asks again, and the new one knows.

import { includesKey, deviceKey as toDeviceKey } from '../../../protocol/keys.js'
import { KEY_BYTES } from '../../../protocol/sizes.js'
import { isOwnDevicesGroup } from '../../groups/membership.js'
import type { Transaction } from '../../vault/records.js'
import type { MessageParts } from '../sealing/parts.js'
import { ownDeviceGroups, sealBody } from '../sealing/seal.js'
import type { ContentType } from './content-type.js'

/** Tells the other devices for which of them a person has agreed here, as soon as that one is in the group, too. */
export async function sealGiven(
  parts: Pick<
    MessageParts,
    'account' | 'clock' | 'conversations' | 'devices' | 'engine' | 'groups' | 'lists' | 'outbox'
  >,
  tx: Transaction,
): Promise<void> {
  for (const { deviceId } of parts.devices.all()) {
    if (!parts.devices.get(deviceId)?.givenDue) continue
    const groups = ownDeviceGroups(parts).filter(({ state }) =>
      includesKey(
        parts.engine.members(state).map(({ signatureKey }) => signatureKey),
        deviceId,
      ),
    )
    if (groups.length === 0) continue
    for (const group of groups)
      await sealBody(parts, tx, group, { case: 'historyGiven', value: { deviceId } })
    parts.devices.change(tx, deviceId, { givenDue: false })
  }
}

/** The person has agreed at another device. A device that may not have the history itself lets nobody have it. */
export const historyGiven: ContentType<'historyGiven'> = {
  owesReceipt: true,
  fromBlocked: false,
  take({ clock, devices }, tx, { group, device }, { deviceId: bytes }) {
    if (!isOwnDevicesGroup(group) || bytes.length !== KEY_BYTES || !devices.mayHaveHistory(device)) return
    const known = devices.get(toDeviceKey(bytes))
    if (!known || known.isEnded || known.mayHaveHistory) return
    const handedOverAtMs = BigInt(clock.now())
    devices.change(tx, known.deviceId, { mayHaveHistory: true, handedOverAtMs })
    tx.tell({ type: 'devices' })
  },
}
