// Text that a person writes.

import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { can } from '../../groups/state/group.js'
import { waitFor } from '../sealing/unsent.js'
import type { ContentType } from './content-type.js'

export const text: ContentType<'text'> = {
  owesReceipt: true,
  fromBlocked: false,
  putBack({ conversations }, batch, { group, count, message, failure }) {
    // A text that was said again for somebody is asked for again.
    if (message === 0n) return
    const { conversation } = group.record
    batch.delete('undelivered', { group: group.number, id: count })
    const id = { conversation, message }
    if (failure === undefined) waitFor(batch, id)
    else conversations.update(batch, id, { status: MessageStatus.FAILED, failure })
  },
  take({ contacts, conversations }, batch, received, { text: written }) {
    const { group, envelope, content, handle, accountKey, device, isOurs } = received
    if (!can(group.phase, 'show')) return
    conversations.append(batch, group.record.conversation, {
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
