import type { StoreLimits } from '../rules.js'
import { StorageFullError } from '../store.js'
import type { Tables } from './tables.js'

/** The parts of one store share these. */
export interface MemoryParts {
  tables: Tables
  room: Room
  limits: StoreLimits
  /** The clock: milliseconds since 1970-01-01 UTC. */
  now: () => number
}

/** How much may be kept: a store in memory must not take the machine's. */
export class Room {
  readonly #tables: Tables
  readonly #maxBytes: number

  constructor(tables: Tables, maxBytes: number) {
    this.#tables = tables
    this.#maxBytes = maxBytes
  }

  has(bytes: number): boolean {
    return this.#tables.bytes + bytes <= this.#maxBytes
  }

  /** Throws StorageFullError, if they are not there. */
  require(bytes: number): void {
    if (!this.has(bytes)) throw new StorageFullError('there is no room left to keep it')
  }

  take(bytes: number): void {
    this.#tables.bytes += bytes
  }

  giveBack(bytes: number): void {
    this.#tables.bytes -= bytes
  }
}
