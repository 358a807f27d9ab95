// The server has sends of this device that it does not know of: its vault was put back from a copy, or the server lies.
// No state is given up on its word alone. The person is told once, each group gets fresh keys before anything is sealed
// in it (groups/state/fresh-keys.ts), and what was on its way waits a while for its echo.

import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { MessageStatus, PutBackSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import type { ClientSequence } from '../ids.js'
import { at, type Reader, recordOf, type Transaction } from '../vault/records.js'
import { traitsOf } from './content/registry.js'
import { counted } from './sealing/format.js'
import type { OutboxItem } from './sealing/outbox.js'
import type { MessageParts } from './sealing/parts.js'
import { move } from './transition.js'

/** A server that says it again within this time, in ms, changes nothing: it cannot make this device commit all the time. */
export const NOTED_EVERY_MS = 3_600_000
/** The server has delivered by then, in ms, what it has for this device. */
export const ECHO_MS = 60_000

const ONLY = at(0n)

const putBackOf = (reader: Reader) => reader.get('server', ONLY)?.putBack

/** The server says that it has sends up to `had`, which is more than this device knows of. */
export function notePutBack(
  { clock, records }: Pick<MessageParts, 'clock' | 'records'>,
  tx: Transaction,
  had: ClientSequence,
): void {
  if (records.keys('groups', { limit: 1 }).length === 0) return
  const before = putBackOf(tx)
  const saidAtMs = BigInt(clock.now())
  const isNew = !before || Math.abs(clock.now() - Number(before.notedAtMs)) >= NOTED_EVERY_MS
  save(tx, {
    number: (before?.number ?? 0n) + (isNew ? 1n : 0n),
    notedAtMs: isNew ? saidAtMs : before.notedAtMs,
    saidAtMs,
    had,
  })
  if (isNew) tx.tell({ type: 'notice', level: 'warning', notice: { code: 'copy-put-back' } })
}

/** When what was on its way has waited long enough, in ms since 1970; undefined: nothing waits. */
export function doubtUntil(reader: Reader): number | undefined {
  const { had = 0n, saidAtMs = 0n } = putBackOf(reader) ?? {}
  return had > 0n ? Number(saidAtMs) + ECHO_MS : undefined
}

/** The sends that the server is said to have and that have not come back by now are given up: nobody knows their fate. */
export function giveUpDoubtful(parts: MessageParts, tx: Transaction, now: number): void {
  const putBack = putBackOf(tx)
  if (!putBack || now < (doubtUntil(tx) ?? Number.POSITIVE_INFINITY)) return
  const doubtful = parts.outbox.items().filter(({ item }) => item.clientSequence <= putBack.had)
  for (const { item } of doubtful) {
    parts.outbox.echoed(tx, item.clientSequence)
    giveUp(parts, tx, item)
  }
  save(tx, { ...putBack, had: 0n })
}

function giveUp(parts: MessageParts, tx: Transaction, { group: number, what }: OutboxItem): void {
  const group = parts.groups.get(number)
  if (!group) return
  if (what.case === 'commit') move(parts, tx, group, { input: 'commit-dropped' })
  if (what.case !== 'content') return
  const { content, message } = what.value
  const { conversation } = group.record
  if (message === 0n) traitsOf(counted(content).body.case)?.putBack?.(parts, tx, group)
  else
    parts.conversations.update(
      tx,
      { conversation, message },
      { status: MessageStatus.FAILED, failure: 'uncertain' },
    )
}

function save(tx: Transaction, init: MessageInitShape<typeof PutBackSchema>): void {
  const server = tx.get('server', ONLY) ?? recordOf('server', {})
  tx.put('server', ONLY, { ...server, putBack: create(PutBackSchema, init) })
}
