// The places of texts in their conversation. The server numbers the envelopes of each group for itself, and a conversation
// may be carried by several groups, as where both sides have begun it: by their numbers alone, texts of two groups that the
// server stored in the same millisecond would stand in another order than that in which it delivers them to everybody.

import { type ConversationNumber, messageNumber, type Sequence, sequenceOf } from '../ids.js'
import { Kept } from '../vault/records/kept.js'
import type { Reader, Transaction } from '../vault/records.js'
import { FIRST_MESSAGE, isWritten } from './entry.js'

/** Conversations whose last place is kept in memory. */
const KEPT = 1024
/** Texts that are looked at for the last place, where that is not in memory: own ones get theirs behind later ones. */
const LOOKED_AT = 256
const NONE = sequenceOf(0n)

export class Places {
  readonly #last = new Kept<ConversationNumber, Sequence>({ most: KEPT })

  /** The place of a text that the server delivers next: its number in its group, or the next one where that is used up. */
  take(tx: Transaction, conversation: ConversationNumber, delivered: Sequence): Sequence {
    const last = this.#last.get(tx, conversation) ?? this.#lastIn(tx, conversation)
    const place = delivered > last ? delivered : sequenceOf(last + 1n)
    this.#last.set(tx, conversation, place)
    return place
  }

  #lastIn(reader: Reader, conversation: ConversationNumber): Sequence {
    const newest = reader.list('messages', {
      ...{ group: conversation, reverse: true, limit: LOOKED_AT },
      after: messageNumber(FIRST_MESSAGE - 1n),
    })
    return newest.reduce<Sequence>(
      (last, { record }) => (isWritten(record) && record.sequence > last ? record.sequence : last),
      NONE,
    )
  }
}
