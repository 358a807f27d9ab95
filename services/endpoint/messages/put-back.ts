// Content that was sealed and not taken by the server goes back to where it was before.

import { MessageStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import type { SendFailure } from '../codes/send-failure.js'
import type { LiveGroup } from '../groups/state/groups.js'
import { transition } from '../groups/transition.js'
import type { Count, MessageNumber } from '../ids.js'
import type { Transaction } from '../vault/records.js'
import { traitsOf } from './content/registry.js'
import { counted } from './sealing/format.js'
import type { Queued } from './sealing/outbox.js'
import type { MessageParts } from './sealing/parts.js'
import { failWaiting, waitFor } from './sealing/unsent.js'

/**
 * Content that the server does not have is too late for this epoch: lines wait to be sealed again, the rest goes. The
 * server may yet take all that is on its way, so that stays: where the server does not, this is done once more.
 */
export function putBack(
  parts: MessageParts,
  tx: Transaction,
  group: LiveGroup,
  { rejoinToo = false, failure }: { rejoinToo?: boolean; failure?: SendFailure | undefined } = {},
): void {
  const isGone = ({ item }: Queued) =>
    item.group === group.number && (rejoinToo || item.what.case !== 'rejoin')
  for (const { item } of parts.outbox.drop(tx, isGone)) {
    if (item.what.case === 'commit') transition(parts, tx, group, { input: 'commit-dropped' })
    if (item.what.case !== 'content') continue
    const { content, message } = item.what.value
    const { count, body } = counted(content)
    if (message === 0n) traitsOf(body.case)?.putBack?.(parts, tx, group)
    else putLineBack(parts, tx, group, { count, message, failure })
  }
  if (failure !== undefined) failWaiting(parts, tx, group.record.conversation, failure)
}

/** `failure`: why it never goes out; undefined: it may, in the same group or the next one of the conversation. */
function putLineBack(
  { conversations }: Pick<MessageParts, 'conversations'>,
  tx: Transaction,
  group: LiveGroup,
  { count, message, failure }: { count: Count; message: MessageNumber; failure: SendFailure | undefined },
): void {
  tx.delete('undelivered', { group: group.number, id: count })
  // Nobody has it by this count, which the next time it is sealed is another one.
  tx.delete('sent', { group: group.number, id: count })
  const id = { conversation: group.record.conversation, message }
  if (failure === undefined) waitFor(tx, id)
  else conversations.update(tx, id, { status: MessageStatus.FAILED, failure })
}
