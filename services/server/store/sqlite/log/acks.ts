// How far each device has acked, written together now and then: an ack that is forgotten only means that
// envelopes are kept longer.

import type { DatabaseSync } from 'node:sqlite'
import { prepare, type Statement } from '../database/database.js'
import type { Writer } from '../database/writer.js'

/** How long an ack may wait to be written. */
const ACK_DELAY_MS = 1_000
/** About what one ack writes. */
const ACK_BYTES = 64

export class Acks {
  readonly #update: Statement<Record<string, never>>
  readonly #writer: Writer
  /** By the device's key. */
  #noted = new Map<number, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(db: DatabaseSync, writer: Writer) {
    this.#update = prepare(db, 'UPDATE progress SET acked_sequence = max(acked_sequence, ?) WHERE device = ?')
    this.#writer = writer
  }

  note(device: number, sequence: number): void {
    this.#noted.set(device, Math.max(sequence, this.#noted.get(device) ?? 0))
    this.#timer ??= setTimeout(() => this.flush().catch(() => undefined), ACK_DELAY_MS).unref()
  }

  /** Writes what was noted. Rejects with StorageFullError; the acks are noted again later. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const acks = this.#noted
    if (acks.size === 0) return
    this.#noted = new Map()
    const work = () => {
      for (const [device, sequence] of acks) this.#update.run(sequence, device)
    }
    await this.#writer.run({ bytes: acks.size * ACK_BYTES, work })
  }
}
