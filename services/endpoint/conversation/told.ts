// A line of the history that nobody wrote: somebody came, left, or changed the room.

import type { Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { MessageKind, MessageStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import type { Context } from '../context.js'
import type { Batch } from '../records.js'
import type { LiveGroup } from './groups.js'

export function tell(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  envelope: Envelope,
  text: string,
): void {
  context.conversations.append(batch, group.record.conversation, {
    kind: MessageKind.EVENT,
    text,
    sentAtMs: envelope.storedAtMs,
    status: MessageStatus.RECEIVED,
    sequence: envelope.sequence,
  })
}
