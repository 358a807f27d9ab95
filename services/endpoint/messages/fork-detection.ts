// All that this device has seen of a conversation, as one hash that travels in what it seals (proto/parley/content/v1,
// LogTag): a server that shows members different orders, or withholds from some, is noticed by the next message.

import type { LogTag } from '../../../gen/parley/content/v1/content_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { firstLogHash, logTag, nextLogHash } from '../../protocol/content/log-tag.js'
import { crypto } from '../crypto.js'
import type { GroupRecord } from '../groups/state/groups.js'
import type { Placed } from '../ids.js'

/** Places that are remembered: a tag that is older is not compared. */
const PLACES = 32

/** Of one group: fresh when an epoch begins, running from its first envelope on, broken where something is missing. */
export type Log = GroupRecord['log']
type Running = Extract<Log, { case: 'running' }>['value']
type Place = Running['earlier'][number]

/** A new epoch begins; what is remembered of the last one still serves its late messages. */
export const beginEpoch = (log: Log): Log => ({
  case: 'fresh',
  value: { $typeName: 'parley.vault.v1.FreshLog', earlier: placesIn(log) },
})

/** Something between here and the last place was deleted: nothing is compared before the next epoch. */
export const BROKEN_LOG: Log = { case: 'broken', value: { $typeName: 'parley.vault.v1.BrokenLog' } }

/** An application envelope, of anybody's, stands at this place. `authenticator`: the epoch's, with which its log begins. */
export function passEnvelope(
  log: Log,
  { sequence, ciphertext }: Placed<{ ciphertext: Uint8Array }>,
  authenticator: () => Uint8Array,
): Log {
  if (log.case === 'broken') return log
  const before = log.case === 'running' ? log.value.hash : firstLogHash(crypto, authenticator())
  const hash = nextLogHash(crypto, { before, sequence, ciphertext })
  const earlier = placesIn(log).slice(1 - PLACES)
  return { case: 'running', value: { $typeName: 'parley.vault.v1.RunningLog', sequence, hash, earlier } }
}

/** The tag for the next content; undefined: there is nothing that could be compared. */
export function presentTag(log: Log): Pick<LogTag, 'sequence' | 'hash'> | undefined {
  if (log.case !== 'running') return undefined
  return { sequence: log.value.sequence, hash: logTag(log.value.hash) }
}

/** Whether another member has seen something else up to a place that is remembered here. */
export function differs(log: Log, tag: LogTag | undefined): boolean {
  if (!tag) return false
  const places = placesIn(log)
  const own = places.find(({ sequence }) => sequence === tag.sequence)
  if (own) return !equalBytes(logTag(own.hash), tag.hash)
  const [first, last] = [places[0], places.at(-1)]
  // Within what is remembered there is no such place: the other was shown something that this one was not.
  return first !== undefined && tag.sequence > first.sequence && tag.sequence < last!.sequence
}

/** All that are remembered, the oldest first. */
function placesIn(log: Log): readonly Place[] {
  if (log.case === 'fresh') return log.value.earlier
  if (log.case !== 'running') return []
  const { sequence, hash, earlier } = log.value
  return [...earlier, { $typeName: 'parley.vault.v1.LogPlace', sequence, hash }]
}
