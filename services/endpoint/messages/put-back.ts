// Content that was sealed and not taken by the server goes back to where it was before.

import type { SendFailure } from '../codes/send-failure.js'
import type { LiveGroup } from '../groups/state/groups.js'
import { transition } from '../groups/transition.js'
import type { Transaction } from '../vault/records.js'
import { traitsOf } from './content/registry.js'
import { counted } from './sealing/format.js'
import type { Queued } from './sealing/outbox.js'
import type { MessageParts } from './sealing/parts.js'
import { failWaiting } from './sealing/unsent.js'

/** Content that the server does not have is too late for this epoch: texts wait to be sealed again, the rest goes. */
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
    traitsOf(body.case)?.putBack?.(parts, tx, { group, count, message, failure })
  }
  if (failure !== undefined) failWaiting(parts, tx, group.record.conversation, failure)
}
