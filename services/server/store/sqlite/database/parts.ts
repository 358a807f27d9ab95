import type { DatabaseSync } from 'node:sqlite'
import type { StoreLimits } from '../../rules.js'
import type { StateCache } from './state.js'
import type { Writer } from './writer.js'

/** The parts of one store share these. */
export interface StoreParts {
  db: DatabaseSync
  state: StateCache
  writer: Writer
  limits: StoreLimits
  /** The clock: milliseconds since 1970-01-01 UTC. */
  now: () => number
}
