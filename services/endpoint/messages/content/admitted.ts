// Somebody was let in: the devices of the account tell each other, so that a person decides once.

import { isHandle } from '../../../protocol/identity/handle.js'
import { accountKey as toAccountKey } from '../../../protocol/keys.js'
import { KEY_BYTES } from '../../../protocol/sizes.js'
import type { Transaction } from '../../vault/records.js'
import { admit } from '../requests.js'
import type { MessageParts } from '../sealing/parts.js'
import { ownDeviceGroups, sealBody } from '../sealing/seal.js'
import type { ContentType } from './content-type.js'

/** Tells the other devices whom this one has let in, where there is a group to tell it in. */
export async function sealAdmitted(
  parts: Pick<
    MessageParts,
    'account' | 'clock' | 'contacts' | 'conversations' | 'engine' | 'groups' | 'lists' | 'outbox'
  >,
  tx: Transaction,
): Promise<void> {
  const groups = ownDeviceGroups(parts)
  if (groups.length === 0) return
  for (const { accountKey, handle } of parts.contacts.takeAdmittedDue(tx))
    for (const group of groups)
      await sealBody(parts, tx, group, { case: 'admitted', value: { accountKey, handle } })
}

/** Another device of this account has let somebody in. */
export const admitted: ContentType<'admitted'> = {
  owesReceipt: true,
  fromBlocked: false,
  take(parts, tx, { group, isOurs }, { accountKey: bytes, handle }) {
    const kind = parts.conversations.kind(group.record.conversation)
    if (!isOurs || kind !== 'own-devices' || bytes.length !== KEY_BYTES || !isHandle(handle)) return
    const accountKey = toAccountKey(bytes)
    parts.contacts.see(tx, { handle, accountKey })
    admit(parts, tx, accountKey, { isToTell: false })
  },
}
