// What this device is called among the devices of its account.

import { DEVICE_NAME_LENGTH } from '../../../protocol/content/lengths.js'
import type { Context } from '../../context.js'
import { isOwnDevicesGroup, ownDeviceGroups } from '../../groups/membership.js'
import type { Batch } from '../../vault/records.js'
import { sealBody } from '../seal.js'
import type { ContentType } from './content-type.js'

/** Tells the other devices this one's name, where that is due and there is a group to tell it in. */
export async function sealNames(context: Context, batch: Batch): Promise<void> {
  const { publicKey } = context.account.device
  const own = context.devices.get(publicKey)
  const groups = own?.nameDue ? ownDeviceGroups(context) : []
  if (!own || groups.length === 0) return
  for (const group of groups)
    await sealBody(context, batch, group, { case: 'deviceName', value: { name: own.name } })
  context.devices.change(batch, publicKey, { nameDue: false })
}

/** Another device says what it is called. */
export const deviceName: ContentType<'deviceName'> = {
  owesReceipt: true,
  fromBlocked: false,
  take(context, batch, { group, device }, { name }) {
    if (name.length > DEVICE_NAME_LENGTH || !isOwnDevicesGroup(context, group)) return
    context.devices.change(batch, device, { name })
    batch.tell({ type: 'devices' })
  },
}
