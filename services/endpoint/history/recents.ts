// The conversations in use: those in which something was said lately.

import type { ConversationNumber } from '../ids.js'
import type { Clock } from '../ports.js'
import { at, inUnit, type Reader, type Transaction } from '../vault/records.js'

/** So many are known at most. */
const RECENT_CONVERSATIONS = 64
/** ms after which another use is noted: which of them was used last matters little. */
const NOTED_AGAIN_MS = 600_000

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class Recents {
  constructor(
    private readonly reader: Reader,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  /** The one used last comes first. */
  all(): ConversationNumber[] {
    return this.#rows().map(({ key }) => key.id)
  }

  /** Something is said in it. */
  use(tx: Transaction, conversation: ConversationNumber): void {
    inUnit(this.reader, tx)
    const now = BigInt(this.clock.now())
    const known = tx.get('recent', at(conversation))
    if (known && now - known.usedMs < NOTED_AGAIN_MS) return
    tx.put('recent', at(conversation), { usedMs: now })
    for (const { key } of this.#rows().slice(RECENT_CONVERSATIONS)) tx.delete('recent', key)
  }

  #rows() {
    return this.reader.list('recent').sort((a, b) => Number(b.record.usedMs - a.record.usedMs))
  }
}
