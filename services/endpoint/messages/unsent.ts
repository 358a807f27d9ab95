// Texts that are typed and not sealed yet.

import { MessageStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import type { SendFailure } from '../codes/send-failure.js'
import type { Context } from '../context.js'
import type { MessageId } from '../events.js'
import type { Batch } from '../vault/records.js'

/** In the order they were typed. */
export function waitingTexts({ records }: Context): MessageId[] {
  const waiting = records.keys('waiting').map(({ group, id }) => ({ conversation: group, message: id }))
  return waiting.sort((a, b) => Number(a.message - b.message))
}

/** Those of this conversation never go out, and say why. */
export function failWaiting(
  context: Context,
  batch: Batch,
  conversation: bigint,
  failure: SendFailure,
): void {
  for (const id of waitingTexts(context)) {
    const key = { group: id.conversation, id: id.message }
    if (id.conversation !== conversation || !batch.get('waiting', key)) continue
    batch.delete('waiting', key)
    context.conversations.update(batch, id, { status: MessageStatus.FAILED, failure })
  }
}
