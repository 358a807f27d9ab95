import type { DatabaseSync } from 'node:sqlite'
import { decodeCursor, encodeCursor } from '../../cursor.js'
import { payloadBytes } from '../../log-record.js'
import { storageFull } from '../../reasons.js'
import type { StoreLimits } from '../../rules.js'
import type { Cursor, DeviceId, Log, ReadRequest, ReadResult } from '../../store.js'
import { prepare } from '../database.js'
import type { State } from '../state.js'
import type { TransactionEnd, Writer } from '../writer.js'
import { createAcks } from './acks.js'
import { type Appended, Appender } from './append.js'
import { createExpire } from './expire.js'
import { createMerge } from './merge.js'
import { createSequence } from './sequence.js'
import { createSources } from './source.js'
import { createTail } from './tail.js'
import { createUnreadFinder } from './unread.js'
import { createWatchers } from './watchers.js'

/** About what a send writes beside its payload. */
const SEND_BYTES = 128

export interface LogParts {
  log: Log
  /** What the log does when a transaction ends. */
  end: TransactionEnd
  /** Writes what is not durable yet. */
  close(): Promise<void>
}

export function createLog(options: {
  db: DatabaseSync
  state: State
  limits: StoreLimits
  now: () => number
  writer: Writer
}): LogParts {
  const { db, state, writer, now } = options
  const sequence = createSequence(db, now())
  const tail = createTail(sequence.last())
  const watchers = createWatchers()
  const acks = createAcks(db, writer)
  const expire = createExpire(db, { state, writer })
  const findUnread = createUnreadFinder(db)
  const createSource = createSources(db, tail)
  const merge = createMerge(db, state)
  const selectConversations = prepare<{ id: Uint8Array }>(
    db,
    `SELECT id FROM roster JOIN conversations ON key = conversation
     WHERE device = ? AND left_sequence IS NULL`,
  )
  let appended: Appended[] = []
  const appender = new Appender({ ...options, sequence, appended: one => appended.push(one) })

  function read(request: ReadRequest): ReadResult {
    const end = sequence.last()
    // A cursor from the future was made up, or the disk was restored and the clock set back.
    const after = Math.min(decodeCursor(request.after), end)
    const device = state.device(request.device)
    if (!device) return { envelopes: [], cursor: encodeCursor(end), more: false }
    // Who is banned may come back, and has to find what was stored meanwhile.
    if (device.blocked) return { envelopes: [], cursor: encodeCursor(after), more: false }
    const watched = watchers.get(device.key)
    const kept = watched?.position === after ? watched.unread : undefined
    // Not kept while the merge takes from it: if that fails, the next read finds it anew.
    if (watched) watched.unread = undefined
    const unread = kept ?? findUnread(device.key, after)
    const { envelopes, last } = merge(device, unread, request, createSource())
    const more = unread.size > 0
    const position = more ? (last ?? after) : end
    if (watched) Object.assign(watched, { unread, position })
    return { envelopes, cursor: encodeCursor(position), more }
  }

  const log: Log = {
    append: (device, sends) =>
      writer.run({
        bytes: sends.reduce((bytes, send) => bytes + payloadBytes(send) + SEND_BYTES, 0),
        work: () => appender.append(device, sends),
        whenFull: () => sends.map(() => ({ accepted: false, reason: storageFull() })),
      }),
    clientSequence: async device => BigInt(state.device(device)?.clientSequence ?? 0),
    read: async request => read(request),
    acknowledge: async (id: DeviceId, cursor: Cursor) => {
      const acked = Math.min(decodeCursor(cursor), sequence.last())
      const device = state.device(id)
      if (device) acks.note(device.key, acked)
    },
    roster: async conversationId => {
      const members = state.conversation(conversationId)?.members
      return members && [...members.values()]
    },
    conversations: async id => {
      const device = state.device(id)
      return device ? selectConversations.all(device.key).map(row => row.id) : []
    },
    watch: (id, wake) => {
      const device = state.device(id)
      return device ? watchers.watch(device.key, wake) : () => undefined
    },
    expire: async storedBefore => {
      await acks.flush()
      return expire(storedBefore)
    },
  }

  return {
    log,
    end: {
      committed: () => {
        const done = appended
        appended = []
        for (const { record } of done) tail.push(record)
        watchers.notify(done)
      },
      rolledBack: () => {
        appended = []
        sequence.rolledBack()
        state.clear()
      },
    },
    close: () => acks.flush().catch(() => undefined),
  }
}
