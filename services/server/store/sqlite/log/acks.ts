// How far each device has acked, written together now and then: an ack that is forgotten only means that
// envelopes are kept longer.

import type { DatabaseSync } from 'node:sqlite'
import { prepare } from '../database.js'
import type { Writer } from '../writer.js'

/** How long an ack may wait to be written. */
const ACK_DELAY_MS = 1_000
/** About what one ack writes. */
const ACK_BYTES = 64

export interface Acks {
  note(device: number, sequence: number): void
  /** Writes what was noted. Rejects with StorageFullError; the acks are noted again later. */
  flush(): Promise<void>
  stop(): void
}

export function createAcks(db: DatabaseSync, writer: Writer): Acks {
  const update = prepare(db, 'UPDATE progress SET acked_sequence = max(acked_sequence, ?) WHERE device = ?')
  let noted = new Map<number, number>()
  let timer: NodeJS.Timeout | undefined

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const acks = noted
    noted = new Map()
    const work = () => {
      for (const [device, sequence] of acks) update.run(sequence, device)
    }
    return acks.size === 0 ? Promise.resolve() : writer.run({ bytes: acks.size * ACK_BYTES, work })
  }

  return {
    note: (device, sequence) => {
      noted.set(device, Math.max(sequence, noted.get(device) ?? 0))
      timer ??= setTimeout(() => flush().catch(() => undefined), ACK_DELAY_MS).unref()
    },
    flush,
    stop: () => clearTimeout(timer),
  }
}
