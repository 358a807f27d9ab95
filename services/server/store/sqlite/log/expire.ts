// Deletes envelopes that nobody will read any more. Always from a conversation's beginning, so that
// what is gone is known by one sequence; in short transactions, so that others get their turn.

import type { DatabaseSync } from 'node:sqlite'
import { prepare } from '../database/database.js'
import type { StoreParts } from '../database/parts.js'
import type { StateCache } from '../database/state.js'
import type { Writer } from '../database/writer.js'

/** One transaction looks at so many conversations, and deletes so many records, at most. */
const STEP_CONVERSATIONS = 32
const STEP_RECORDS = 250
/** About what a deleted record writes. */
const RECORD_BYTES = 512

interface Step {
  /** The conversations up to this key are done. */
  conversation: number
  deleted: number
  done: boolean
}

const statements = (db: DatabaseSync) => ({
  firstFrom: prepare<{ sequence: number; stored_at: number }>(
    db,
    'SELECT sequence, stored_at FROM log WHERE sequence >= ? ORDER BY sequence LIMIT 1',
  ),
  bounds: prepare<{ low: number | null; high: number | null }>(
    db,
    'SELECT (SELECT min(sequence) FROM log) AS low, (SELECT max(sequence) FROM log) AS high',
  ),
  nextConversation: prepare<{ conversation: number | null }>(
    db,
    'SELECT min(conversation) AS conversation FROM log WHERE conversation > ?',
  ),
  // A device needs nothing from before it was added, one that has left nothing once it has acked that, and
  // one that is revoked nothing at all.
  ackedByAll: prepare<{ through: number | null }>(
    db,
    `SELECT min(max(acked_sequence, joined_sequence - 1)) AS through
     FROM roster JOIN progress USING (device)
     WHERE conversation = ? AND revoked = 0 AND (left_sequence IS NULL OR acked_sequence < left_sequence)`,
  ),
  expired: prepare<{ through: number | null; shown: number; count: number }>(
    db,
    `SELECT max(sequence) AS through, max(shown) AS shown, count(*) AS count FROM
       (SELECT sequence, shown FROM log WHERE conversation = ? AND sequence <= ? ORDER BY sequence LIMIT ?)`,
  ),
  countMissed: prepare(
    db,
    `UPDATE roster SET missed =
       CASE WHEN acked >= expired_through THEN 0 ELSE missed END
       + (SELECT count(*) FROM log WHERE log.conversation = :conversation AND sequence <= :through
          AND sequence > max(acked, joined_sequence - 1)
          AND (left_sequence IS NULL OR sequence <= left_sequence))
     FROM (SELECT device AS reader, acked_sequence AS acked FROM progress),
          (SELECT expired_through FROM conversations WHERE key = :conversation)
     WHERE roster.conversation = :conversation AND reader = roster.device AND acked < :through`,
  ),
  remove: prepare(db, 'DELETE FROM log WHERE conversation = ? AND sequence <= ?'),
  setExpired: prepare(db, 'UPDATE conversations SET expired_through = ?, expired_shown = ? WHERE key = ?'),
  forgetLeavers: prepare(
    db,
    `DELETE FROM roster WHERE conversation = ? AND gone = 0 AND left_sequence <=
       (SELECT acked_sequence FROM progress WHERE progress.device = roster.device)`,
  ),
  forgetRemoved: prepare<{ conversation: number }>(
    db,
    `DELETE FROM removed WHERE (conversation, device) IN
       (SELECT conversation, device FROM removed WHERE removed_at < ? LIMIT ?) RETURNING conversation`,
  ),
})

export class Expiry {
  readonly #sql: ReturnType<typeof statements>
  readonly #state: StateCache
  readonly #writer: Writer

  constructor({ db, state, writer }: Pick<StoreParts, 'db' | 'state' | 'writer'>) {
    this.#sql = statements(db)
    this.#state = state
    this.#writer = writer
  }

  /**
   * Deletes what all have acked, and what was stored before the given time, and forgets those that were removed before
   * it. Returns how many records are gone.
   */
  async expire(storedBefore: number): Promise<number> {
    const oldThrough = this.#lastStoredBefore(storedBefore)
    let deleted = 0
    let after = 0
    for (let done = false; !done; ) {
      const work = () => this.#step(after, oldThrough)
      const result = await this.#writer.run({ bytes: STEP_RECORDS * RECORD_BYTES, work })
      deleted += result.deleted
      after = result.conversation
      done = result.done
    }
    const bytes = STEP_RECORDS * RECORD_BYTES
    while (await this.#writer.run({ bytes, work: () => this.#forgetRemoved(storedBefore) }));
    return deleted
  }

  /** Returns whether there may be more. */
  #forgetRemoved(before: number): boolean {
    const forgotten = this.#sql.forgetRemoved.all(before, STEP_RECORDS)
    for (const { conversation } of forgotten) this.#state.forgetConversation(conversation)
    return forgotten.length === STEP_RECORDS
  }

  /** The last record that is old. Records are in the order of their times but for a clock that was set back. */
  #lastStoredBefore(time: number): number {
    const { low, high } = this.#sql.bounds.get() ?? { low: null, high: null }
    if (low === null || high === null) return 0
    let from = low
    let to = high + 1
    while (from < to) {
      const middle = Math.floor((from + to) / 2)
      const record = this.#sql.firstFrom.get(middle)
      if (record && record.stored_at < time) from = record.sequence + 1
      else to = middle
    }
    return from - 1
  }

  #step(after: number, oldThrough: number): Step {
    const result: Step = { conversation: after, deleted: 0, done: false }
    for (let looked = 0; looked < STEP_CONVERSATIONS; looked += 1) {
      const conversation = this.#sql.nextConversation.get(result.conversation)?.conversation ?? undefined
      if (conversation === undefined) return { ...result, done: true }
      const room = STEP_RECORDS - result.deleted
      const deleted = this.#expireConversation(conversation, oldThrough, room)
      result.deleted += deleted
      // The same conversation once more: there may be more of it.
      if (deleted === room) return result
      result.conversation = conversation
    }
    return result
  }

  #expireConversation(conversation: number, oldThrough: number, limit: number): number {
    const acked = this.#sql.ackedByAll.get(conversation)?.through ?? Number.MAX_SAFE_INTEGER
    const expired = this.#sql.expired.get(conversation, Math.max(acked, oldThrough), limit)
    if (!expired?.through) return 0
    this.#sql.countMissed.run({ conversation, through: expired.through })
    this.#sql.remove.run(conversation, expired.through)
    this.#sql.setExpired.run(expired.through, expired.shown, conversation)
    this.#sql.forgetLeavers.run(conversation)
    this.#state.forgetConversation(conversation)
    return expired.count
  }
}
