// Merges what a device has to read in its conversations into the one order of the log.

import type { DatabaseSync } from 'node:sqlite'
import type { Envelope } from '../../../../../gen/parley/v1/chat_pb.js'
import {
  type ConversationFacts,
  type DeviceFacts,
  firstVisible,
  lastDeleted,
  type Span,
} from '../../facts.js'
import { envelopeFor, MISSED_BYTES, missedEnvelope } from '../../log-record.js'
import { prepare, type Statement } from '../database/database.js'
import type { StateCache } from '../database/state.js'
import type { Source } from './source.js'
import { earliest, type Unread } from './unread.js'

interface ReadLimits {
  maxEnvelopes: number
  maxBytes: number
}

interface Merged {
  envelopes: Envelope[]
  /** The sequence of the last envelope; undefined if there is none. */
  last: number | undefined
}

/** One read. */
interface Reading {
  device: DeviceFacts
  /** The merger takes out of it what it reads. */
  unread: Unread
  limits: ReadLimits
  source: Source
}

/** The next thing that a device is shown of a conversation. */
interface Item {
  sequence: number
  size: number
  envelope(): Envelope
}

export class Merger {
  readonly #state: StateCache
  readonly #selectMissed: Statement<{ missed: number | null }>

  constructor(db: DatabaseSync, state: StateCache) {
    this.#state = state
    this.#selectMissed = prepare(
      db,
      'SELECT sum(missed) AS missed FROM roster WHERE conversation = ? AND device = ?',
    )
  }

  /** Reads the earliest envelopes of `unread` within the limits. */
  read(reading: Reading): Merged {
    const { unread, limits } = reading
    const merged: Merged = { envelopes: [], last: undefined }
    let bytes = 0
    for (let next = earliest(unread); next; next = earliest(unread)) {
      let item = this.#nextItem(reading, next.conversation, next.from)
      // As long as no other conversation comes in between there is no need to look for the earliest again.
      while (item && item.sequence <= next.othersFrom) {
        bytes += item.size
        const some = merged.envelopes.length > 0
        if (some && (merged.envelopes.length >= limits.maxEnvelopes || bytes > limits.maxBytes)) {
          unread.set(next.conversation, item.sequence)
          return merged
        }
        merged.envelopes.push(item.envelope())
        merged.last = item.sequence
        item = this.#nextItem(reading, next.conversation, item.sequence + 1)
      }
      if (item) unread.set(next.conversation, item.sequence)
      else unread.delete(next.conversation)
    }
    return merged
  }

  #nextItem({ device, source }: Reading, key: number, from: number): Item | undefined {
    const conversation = this.#state.conversationByKey(key)
    const spans = conversation?.spans.get(device.key)
    if (!conversation || !spans) return undefined
    let start = firstVisible(spans, from)
    while (start !== undefined) {
      if (conversation.expiredThrough >= start) return this.#missed(device, conversation, spans)
      const record = source.first(key, start)
      if (!record) return undefined
      const visible = firstVisible(spans, record.sequence)
      if (visible === record.sequence) {
        const envelope = () => envelopeFor(device, conversation, record)
        return { sequence: visible, size: record.size, envelope }
      }
      start = visible
    }
    return undefined
  }

  #missed(device: DeviceFacts, conversation: ConversationFacts, spans: readonly Span[]): Item {
    const { sequence, shown } = lastDeleted(spans, conversation)
    const envelope = () => {
      const count = this.#selectMissed.get(conversation.key, device.key)?.missed ?? 0
      return missedEnvelope(conversation, { shown, count })
    }
    return { sequence, size: MISSED_BYTES, envelope }
  }
}
