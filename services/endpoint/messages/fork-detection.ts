// All that this device was shown of a conversation, as one hash that travels in what it seals (proto/parley/content/v1,
// LogTag): a server that shows members different orders, or withholds from some, is noticed by the next message. Nothing
// that the server says alone ends that: behind what it calls deleted, another member's hash is gone on from.

import type { LogTag } from '../../../gen/parley/content/v1/content_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { firstLogHash, nextLogHash } from '../../protocol/content/log-tag.js'
import { crypto } from '../crypto.js'
import type { GroupRecord } from '../groups/state/groups.js'
import type { Placed } from '../ids.js'

/** Places that are remembered: a tag that is older is not compared. */
const PLACES = 32
const HASH_BYTES = 32

/** Of one group: running, with a gap, or forked; no case before its first epoch has a place. */
export type Log = GroupRecord['log']
type Place = Extract<Log, { case: 'running' }>['value']['earlier'][number]
type Hashed = Omit<Place, '$typeName'>

/** An epoch begins at this place; what is remembered of the last one still serves its late messages. */
export function beginEpoch(
  log: Log,
  { sequence, authenticator }: Placed<{ authenticator: Uint8Array }>,
): Log {
  const hash = firstLogHash(crypto, { authenticator, sequence })
  return running({ sequence, hash }, placesIn(log))
}

/** Something is missing between the last place and the next. */
export function missPlaces(log: Log): Log {
  return log.case === 'forked' ? log : gap([])
}

/** A member was shown another course, which was told: nothing is compared before the next epoch. */
export const FORKED_LOG: Log = { case: 'forked', value: { $typeName: 'parley.vault.v1.ForkedLog' } }

/** An application envelope, of anybody's, stands at this place. `digest`: SHA-256 of its ciphertext. */
export function passEnvelope(log: Log, { sequence, digest }: Placed<{ digest: Uint8Array }>): Log {
  if (log.case === 'gap') return gap([...log.value.passed, { sequence, hash: digest }].slice(-PLACES))
  if (log.case !== 'running') return log
  const hash = nextLogHash(crypto, { before: log.value.hash, sequence, digest })
  return running({ sequence, hash }, placesIn(log))
}

/** The tag for the next content; undefined: there is nothing that could be compared. */
export function presentTag(log: Log): Pick<LogTag, 'sequence' | 'hash'> | undefined {
  return log.case === 'running' ? { sequence: log.value.sequence, hash: log.value.hash } : undefined
}

/** Whether another member has seen something else up to a place that is remembered here. */
export function differs(log: Log, tag: LogTag | undefined): boolean {
  if (!tag) return false
  const places = placesIn(log)
  const own = places.find(({ sequence }) => sequence === tag.sequence)
  if (own) return !equalBytes(own.hash, tag.hash)
  const [first, last] = [places[0], places.at(-1)]
  // Within what is remembered there is no such place: the other was shown something that this one was not.
  return first !== undefined && tag.sequence > first.sequence && tag.sequence < last!.sequence
}

/** Goes on behind a gap from the hash of another member, where that is of a place that came here behind the gap. */
export function resume(log: Log, tag: LogTag | undefined): Log {
  if (log.case !== 'gap' || tag?.hash.length !== HASH_BYTES) return log
  const { passed } = log.value
  const at = passed.findIndex(({ sequence }) => sequence === tag.sequence)
  const from = passed[at]
  if (!from) return log
  const begin = running({ sequence: from.sequence, hash: tag.hash }, [])
  return passed
    .slice(at + 1)
    .reduce((next, { sequence, hash: digest }) => passEnvelope(next, { sequence, digest }), begin)
}

function running({ sequence, hash }: Hashed, places: readonly Place[]): Log {
  const earlier = places.slice(1 - PLACES)
  return { case: 'running', value: { $typeName: 'parley.vault.v1.RunningLog', sequence, hash, earlier } }
}

function gap(passed: readonly Hashed[]): Log {
  const places = passed.map((place): Place => ({ ...place, $typeName: 'parley.vault.v1.LogPlace' }))
  return { case: 'gap', value: { $typeName: 'parley.vault.v1.GapInLog', passed: places } }
}

/** All that are remembered, the oldest first. */
function placesIn(log: Log): readonly Place[] {
  if (log.case !== 'running') return []
  const { sequence, hash, earlier } = log.value
  return [...earlier, { $typeName: 'parley.vault.v1.LogPlace', sequence, hash }]
}
