import { LIMITS } from '../../limits.js'
import type { StoreLimits } from '../rules.js'
import { sequenceAt } from '../sequence.js'
import type { Store } from '../store.js'
import { MemoryAdmission } from './admission.js'
import { MemoryDirectory } from './directory.js'
import { MemoryKeyPackages } from './key-packages.js'
import { MemoryLog } from './log.js'
import { type MemoryParts, Room } from './parts.js'
import { Tables } from './tables.js'

/** Bytes: 256 MiB. */
const MAX_BYTES = 256 * 1024 * 1024

interface MemoryStoreOptions {
  /** The data of a store that was closed. Default: none. */
  tables?: Tables
  /** Those left out are the server's. */
  limits?: Partial<StoreLimits>
  /** Beyond that, the store is full. */
  maxBytes?: number
  /** The clock: milliseconds since 1970-01-01 UTC. */
  now?: () => number
}

/**
 * A store that keeps everything in this process, for tests and for trying things out. It keeps each promise but one:
 * what is durable here ends with the process. Each operation is done at once, so nothing of it can be seen half done.
 */
export function openMemoryStore(options: MemoryStoreOptions = {}): Store {
  const { tables = new Tables(), maxBytes = MAX_BYTES, now = Date.now } = options
  tables.sequence = Math.max(tables.sequence, sequenceAt(now()))
  const parts: MemoryParts = {
    tables,
    room: new Room(tables, maxBytes),
    limits: { ...LIMITS, ...options.limits },
    now,
  }
  return {
    serverId: tables.serverId.slice(),
    directoryKey: tables.directoryKey.slice(),
    directory: new MemoryDirectory(parts),
    keyPackages: new MemoryKeyPackages(parts),
    admission: new MemoryAdmission(parts),
    log: new MemoryLog(parts),
    cursorKey: tables.cursorKey,
    close: async () => undefined,
  }
}
