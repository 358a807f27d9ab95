// Text that a person writes.

import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { can } from '../../groups/state/group.js'
import { waitFor } from '../sealing/unsent.js'
import type { ContentType } from './content-type.js'

export const text: ContentType<'text'> = {
  owesReceipt: true,
  fromBlocked: false,
  putBack({ conversations }, tx, { group, count, message, failure }) {
    // A text that was said again for somebody is asked for again.
    if (message === 0n) return
    const { conversation } = group.record
    tx.delete('undelivered', { group: group.number, id: count })
    const id = { conversation, message }
    if (failure === undefined) waitFor(tx, id)
    else conversations.update(tx, id, { status: MessageStatus.FAILED, failure })
  },
  take({ contacts, conversations }, tx, received, { text: written }) {
    const { group, envelope, content, handle, accountKey, device, isOurs } = received
    if (!can(group.phase, 'show')) return
    conversations.append(tx, group.record.conversation, {
      kind: MessageKind.TEXT,
      fromHandle: handle,
      fromDevice: device,
      own: isOurs,
      text: written,
      sentAtMs: content.sentAtMs,
      status: isOurs ? MessageStatus.STORED : MessageStatus.RECEIVED,
      sequence: envelope.sequence,
      otherKey: contacts.trust(handle, accountKey) === 'other',
    })
  },
}
