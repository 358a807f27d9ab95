// A direct conversation in which nobody has ever answered is begun anew when a person goes on writing: it may be unknown
// on the other side for good, where it came while there was no room for requests, and nothing tells so, for they do not say
// whether they are there. All that nobody has received is said again in the next group.

import { MessageStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { includesKey } from '../../protocol/keys.js'
import { DAY_MS } from '../../protocol/time.js'
import type { Context } from '../context.js'
import { isOwn } from '../groups/membership.js'
import { can } from '../groups/state/group.js'
import type { LiveGroup } from '../groups/state/groups.js'
import type { ConversationNumber } from '../ids.js'
import { sayAgain } from '../messages/content/say-again.js'
import { move } from '../messages/transition.js'
import type { Transaction } from '../vault/records.js'

/** Milliseconds without an answer; from then on twice as many each time, for it takes up a key package of theirs. */
const ANSWERED_WITHIN_MS = DAY_MS

/**
 * Something is to be sealed in it. True: that goes out in a new group, and so does what was said in vain; it waits until
 * then.
 */
export function beginAnew(context: Context, tx: Transaction, conversation: ConversationNumber): boolean {
  if (context.conversations.kind(conversation) !== 'direct') return false
  const groups = context.groups.of(conversation)
  const present = groups.filter(({ phase }) => can(phase, 'send'))
  if (present.length === 0 || groups.some(group => hasAnswered(context, group))) return false
  const first = Math.min(...groups.flatMap(group => unreceived(context, group)))
  const waitMs = ANSWERED_WITHIN_MS * 2 ** (groups.length - 1)
  if (context.clock.now() - first < waitMs) return false
  // A commit that the server may have comes to its end before: what they say after it is read by its keys.
  if (present.some(({ phase }) => phase.name === 'committing')) return true
  for (const group of groups) sayAgain(context, tx, group)
  for (const group of present) move(context, tx, group, { input: 'abandoned' })
  return true
}

/** When the lines were written, in ms since 1970, that the server has, and of which nobody has said that they came. */
function unreceived({ conversations, records }: Context, { number: group, record }: LiveGroup): number[] {
  return records.list('undelivered', { group }).flatMap(({ record: { message } }) => {
    const line = conversations.message({ conversation: record.conversation, message })
    return line?.status === MessageStatus.STORED ? [Number(line.sentAtMs)] : []
  })
}

/** A device of theirs has said something by itself, if only that it has something; or it has left. */
function hasAnswered({ account }: Pick<Context, 'account'>, group: LiveGroup): boolean {
  const { leaves } = group.held
  const own = leaves.filter(leaf => isOwn({ account }, leaf)).map(({ deviceKey }) => deviceKey)
  const heard = group.senders().flatMap(({ deviceId, heardAtMs }) => (heardAtMs > 0n ? [deviceId] : []))
  return [...heard, ...group.record.goneDeviceIds].some(device => !includesKey(own, device))
}
