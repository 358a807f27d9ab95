// The work that this device has to do by itself in its groups, and from when on. Every unit of work brings the small
// table of it up to date, so that a start, a text or a timer looks at these groups alone, however many there are.

import { ConversationKind } from '../../../../gen/parley/vault/v1/records_pb.js'
import type { ConversationNumber, GroupNumber } from '../../ids.js'
import type { Engine } from '../../mls/engine.js'
import type { Clock, Random } from '../../ports.js'
import { at, type KeyOf, type Reader, type RecordOf, type Transaction } from '../../vault/records.js'
import { ASK_AGAIN_MS, can } from './group.js'
import type { GroupRecord, Groups } from './groups.js'
import { phaseOf } from './phase-record.js'
import { drawUpdate, updateTime } from './updates.js'

/** ms ahead of its time at which a group comes into the small table. */
const SOON_MS = 3_600_000
/** ms after which all of the others are looked through again, so that each comes in time. */
const SWEPT_EVERY_MS = SOON_MS / 2
/** A unit of work looks at so many of the others. */
const SWEPT_AT_ONCE = 256

type DueRecord = Pick<RecordOf<'due'>, 'atMs' | 'receipts' | 'outOfSync' | 'drawnMs'>

export interface DueGroup {
  group: GroupNumber
  /** From when on there is something to commit, to say or to ask for, in ms since 1970; undefined: nothing. */
  atMs: number | undefined
  /** Receipts are owed. */
  receipts: boolean
  /** This device has lost its state. */
  outOfSync: boolean
}

interface DueParts {
  groups: Groups
  engine: Pick<Engine, 'members'>
  clock: Pick<Clock, 'now'>
  random: Pick<Random, 'fraction'>
}

/** How far one endpoint has come in looking through the groups that are due later. */
export class Sweep {
  /** The last that was looked at; undefined: all were. */
  after: GroupNumber | undefined
  /** When it begins again, in ms since 1970. */
  nextMs = 0
}

export class DueGroups {
  constructor(
    private readonly reader: Reader,
    private readonly parts: DueParts,
  ) {}

  /** Those in which something is due now or within the hour. */
  all(): DueGroup[] {
    return this.reader.list('due').map(({ key, record: { atMs, receipts, outOfSync } }) => ({
      ...{ group: key.id, receipts, outOfSync },
      atMs: atMs === undefined ? undefined : Number(atMs),
    }))
  }

  /** Whether this device is to commit fresh keys in the group. */
  isUpdateDue(group: GroupNumber, now: number): boolean {
    const record = this.reader.get('groups', at(group))
    if (!record || !can(phaseOf(record), 'commit')) return false
    const drawn = this.reader.get('due', at(group))?.drawnMs ?? 0n
    return (updateTime(record, Number(drawn)) ?? Number.POSITIVE_INFINITY) <= now
  }

  /** Takes the next of those whose time is near into the small table: a few at each call, and all twice in an hour. */
  sweep(tx: Transaction, sweep: Sweep, now: number): void {
    if (now < sweep.nextMs) return
    const rows = tx.list('later', { group: 0n, after: sweep.after, limit: SWEPT_AT_ONCE })
    for (const { key, record } of rows) if (isSoon(record, now)) this.#save(tx, key.id, record)
    sweep.after = rows.length < SWEPT_AT_ONCE ? undefined : rows.at(-1)?.key.id
    if (sweep.after === undefined) sweep.nextMs = now + SWEPT_EVERY_MS
  }

  /** Brings up to date what is kept of the groups and conversations that this unit of work has changed. */
  settle(tx: Transaction): void {
    const groups = new Set([
      ...tx.touched('groups').map(({ id }) => id),
      ...tx.touched('intents').map(({ group }) => group),
      ...tx.touched('senders').map(({ group }) => group),
    ])
    for (const key of tx.touched('senders')) noteOwed(tx, key)
    for (const group of groups) this.#settleGroup(tx, group)
    const conversations = new Set(tx.touched('conversations').map(({ id }) => id))
    for (const group of groups) {
      const record = tx.get('groups', at(group))
      if (record && tx.saved('groups', at(group))?.phase.case !== record.phase.case)
        conversations.add(record.conversation)
    }
    for (const conversation of conversations) noteUnopened(tx, conversation)
  }

  #settleGroup(tx: Transaction, group: GroupNumber): void {
    const record = tx.get('groups', at(group))
    if (!record) return
    const before = tx.get('due', at(group)) ?? tx.get('later', at(group))
    const due = this.#dueIn(tx, { group, record, before })
    const isNothing = due.atMs === undefined && !due.receipts && !due.outOfSync
    if (!isNothing && before && isSame(due, before)) return
    this.#save(tx, group, isNothing ? undefined : due)
  }

  /** In the one table or the other; undefined: nothing is due. */
  #save(tx: Transaction, group: GroupNumber, due: DueRecord | undefined): void {
    for (const table of ['due', 'later'] as const) if (tx.has(table, at(group))) tx.delete(table, at(group))
    if (due) tx.put(isSoon(due, this.parts.clock.now()) ? 'due' : 'later', at(group), due)
  }

  #dueIn(
    tx: Transaction,
    { group, record, before }: { group: GroupNumber; record: GroupRecord; before: DueRecord | undefined },
  ): DueRecord {
    const phase = phaseOf(record)
    const drawnMs = record.committedAtMs > 0n ? 0n : before?.drawnMs || this.#draw(group)
    return {
      atMs: workTime(tx, { group, record, drawnMs }),
      receipts: can(phase, 'tell-devices') && tx.linked('owed', group, 1).length > 0,
      outOfSync: can(phase, 'ask-to-rejoin'),
      drawnMs,
    }
  }

  #draw(group: GroupNumber): bigint {
    const { groups, engine, clock, random } = this.parts
    const live = groups.get(group)
    const devices = live ? engine.members(live.state).length : 0
    return BigInt(Math.ceil(drawUpdate({ now: clock.now(), devices, fraction: random.fraction() })))
  }
}

const isSoon = ({ atMs, receipts, outOfSync }: DueRecord, now: number): boolean =>
  receipts || outOfSync || (atMs !== undefined && Number(atMs) <= now + SOON_MS)

const isSame = (one: DueRecord, other: DueRecord): boolean =>
  one.atMs === other.atMs &&
  one.receipts === other.receipts &&
  one.outOfSync === other.outOfSync &&
  one.drawnMs === other.drawnMs

function workTime(
  tx: Transaction,
  { group, record, drawnMs }: { group: GroupNumber; record: GroupRecord; drawnMs: bigint },
): bigint | undefined {
  const phase = phaseOf(record)
  if (phase.name === 'out-of-sync')
    return phase.askDue ? record.rejoinAskedMs + BigInt(ASK_AGAIN_MS) : undefined
  if (phase.name === 'broken') return phase.leaveDue ? undefined : BigInt(phase.succeedAtMs)
  if (can(phase, 'say-leave')) return 0n
  if (!can(phase, 'commit')) return undefined
  const update = updateTime(record, Number(drawnMs))
  const times = tx.list('intents', { group }).map(({ record: intent }) => intent.notBeforeMs)
  if (update !== undefined) times.push(BigInt(update))
  return times.reduce<bigint | undefined>(
    (least, time) => (least === undefined || time < least ? time : least),
    undefined,
  )
}

function noteOwed(tx: Transaction, key: KeyOf<'senders'>): void {
  const sender = tx.get('senders', key)
  const before = tx.saved('senders', key)
  const isOwed = sender !== undefined && sender.owed > sender.receipted
  if (isOwed === (before !== undefined && before.owed > before.receipted)) return
  if (isOwed) tx.link('owed', key.group, key.id)
  else tx.unlink('owed', key.group, key.id)
}

/** A conversation with a person that has no group which could be used; one that came with a history waits for a text. */
function noteUnopened(tx: Transaction, conversation: ConversationNumber): void {
  const record = tx.get('conversations', at(conversation))
  const isOpen = tx
    .linked('carriers', conversation)
    .some(group => phaseOf(tx.get('groups', at(group))!).name !== 'ended')
  const isUnopened =
    record?.kind === ConversationKind.DIRECT &&
    record.continuedIn === 0n &&
    record.askedBy.length === 0 &&
    !record.fromHistory &&
    !isOpen
  if (isUnopened) tx.link('conversations', 'unopened', conversation)
  else tx.unlink('conversations', 'unopened', conversation)
}
