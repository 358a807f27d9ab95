// A device's name among the devices of its account.

import { DEVICE_NAME_LENGTH } from '../../../protocol/content/lengths.js'
import { isOwnDevicesGroup } from '../../groups/membership.js'
import type { Transaction } from '../../vault/records.js'
import type { MessageParts } from '../sealing/parts.js'
import { ownDeviceGroups, sealBody } from '../sealing/seal.js'
import type { ContentType } from './content-type.js'

/** Tells the other devices this one's name, where that is due and there is a group to tell it in. */
export async function sealNames(
  parts: Pick<
    MessageParts,
    'account' | 'clock' | 'conversations' | 'devices' | 'engine' | 'groups' | 'lists' | 'outbox'
  >,
  tx: Transaction,
): Promise<void> {
  const { publicKey } = parts.account.device
  const own = parts.devices.get(publicKey)
  const groups = own?.nameDue ? ownDeviceGroups(parts) : []
  if (!own || groups.length === 0) return
  for (const group of groups)
    await sealBody(parts, tx, group, { case: 'deviceName', value: { name: own.name } })
  parts.devices.change(tx, publicKey, { nameDue: false })
}

/** Another device says what it is called. */
export const deviceName: ContentType<'deviceName'> = {
  owesReceipt: true,
  fromBlocked: false,
  take(parts, tx, { group, device }, { name }) {
    if (name.length > DEVICE_NAME_LENGTH || !isOwnDevicesGroup(group)) return
    parts.devices.change(tx, device, { name })
    tx.tell({ type: 'devices' })
  },
}
