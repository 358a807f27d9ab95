// All that this device has seen of a conversation, as one hash that travels in what it seals (proto/parley/content/v1,
// LogTag): a server that shows members different orders, or withholds from some, is noticed by the next message.

import type { LogTag } from '../../../gen/parley/content/v1/content_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { firstLogHash, logTag, nextLogHash } from '../../protocol/content/log-tag.js'
import { crypto } from '../crypto.js'
import type { GroupChange, LiveGroup } from '../groups/state/groups.js'
import type { Sequence } from '../ids.js'
import type { Engine } from '../mls/engine.js'

/** Places that are remembered: a tag that is older is not compared. */
const PLACES = 32

type InGroup = Pick<LiveGroup, 'record'>

/** A new epoch begins; what was remembered of the last one still serves its late messages. */
export function beginEpoch({ record }: InGroup): GroupChange {
  return { logBegins: true, logBroken: false, ...(record.logBroken ? { logPlaces: [] } : {}) }
}

/** Something between here and the last place was deleted: nothing is compared before the next epoch. */
export const BROKEN_LOG: GroupChange = { logBroken: true }

/** An application envelope, of anybody's, stands at this place. */
export function passEnvelope(
  engine: Pick<Engine, 'epochAuthenticator'>,
  group: InGroup & Pick<LiveGroup, 'state'>,
  sequence: Sequence,
  ciphertext: Uint8Array,
): GroupChange {
  const { record } = group
  const before = record.logBegins
    ? firstLogHash(crypto, engine.epochAuthenticator(group.state))
    : (record.logPlaces.at(-1)?.hash ?? new Uint8Array())
  const hash = nextLogHash(crypto, { before, sequence, ciphertext })
  const last = { $typeName: 'parley.vault.v1.LogPlace', sequence, hash } as const
  return { logPlaces: [...record.logPlaces, last].slice(-PLACES), logBegins: false }
}

/** The tag for the next content. */
export function presentTag({ record }: InGroup): Pick<LogTag, 'sequence' | 'hash'> | undefined {
  const last = record.logPlaces.at(-1)
  if (record.logBroken || record.logBegins || !last) return undefined
  return { sequence: last.sequence, hash: logTag(last.hash) }
}

/** Whether another member has seen something else up to a place that is remembered here. */
export function differs({ record }: InGroup, tag: LogTag | undefined): boolean {
  if (!tag || record.logBroken) return false
  const own = record.logPlaces.find(({ sequence }) => sequence === tag.sequence)
  if (own) return !equalBytes(logTag(own.hash), tag.hash)
  const [first, last] = [record.logPlaces[0], record.logPlaces.at(-1)]
  // Within what is remembered there is no such place: the other was shown something that this one was not.
  return first !== undefined && tag.sequence > first.sequence && tag.sequence < last!.sequence
}
