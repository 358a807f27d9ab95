// Sends that are sealed and on their way to the server. They are numbered 1, 2, 3, ... over the device's life and
// taken by the server strictly in that order (proto/parley/v1, Send), so after a rejection or a lost line the
// rest is sent again from there, and a send that is given up closes its gap.

import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { CommitBundleSchema } from '../../../../gen/parley/v1/chat_pb.js'
import type { SignedHead } from '../../../protocol/log/bundle-head.js'
import { type ClientSequence, clientSequenceOf, type GroupNumber, type IntentNumber } from '../../ids.js'
import { Kept } from '../../vault/records/kept.js'
import {
  at,
  inUnit,
  type Reader,
  type RecordInit,
  type RecordOf,
  type Transaction,
} from '../../vault/records.js'

export type OutboxItem = RecordOf<'outbox'>
type What = NonNullable<RecordInit<'outbox'>['what']>
export type SealedContent = Extract<OutboxItem['what'], { case: 'content' }>['value']

/** Envelopes sealed and not yet accepted: bounds memory, and what has to be sealed anew when an epoch passes. */
export const OUTBOX_WINDOW = 64

export interface Queued {
  readonly item: OutboxItem
  /** The server has it; its echo is still to come. */
  readonly accepted: boolean
  /** Given to the present stream. */
  readonly sent: boolean
}

const NONE = clientSequenceOf(0n)
const after = (sent: ClientSequence, sends: number) => clientSequenceOf(sent + BigInt(sends))

/** How far the present stream has come, by the numbers of sends. */
interface Progress {
  /** The server has everything up to this number. */
  accepted: ClientSequence
  /** Everything up to this number was given to it. */
  given: ClientSequence
}

/** Progress that all outboxes of one endpoint share; it is not on the disk, for it begins anew with each stream. */
export class OutboxProgress {
  readonly #progress = new Kept<'only', Progress>({
    // The server has what it has; the rest is sent again, whatever its numbers are now.
    doubted: ({ accepted }) => ({ accepted, given: accepted }),
  })

  get(reader: Reader): Progress {
    return this.#progress.get(reader, 'only') ?? { accepted: NONE, given: NONE }
  }

  set(tx: Transaction, change: Partial<Progress>): void {
    this.#progress.set(tx, 'only', { ...this.get(tx), ...change })
  }

  /** Notes that the saved sends were given to the stream. */
  gave(records: Reader, given: ClientSequence): void {
    this.#progress.note('only', { ...this.get(records), given })
  }
}

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class Outbox {
  constructor(
    private readonly reader: Reader,
    private readonly progress: OutboxProgress,
  ) {}

  items(): readonly Queued[] {
    const { accepted, given } = this.progress.get(this.reader)
    return this.reader.list('outbox').map(({ record: item }) => ({
      item,
      accepted: item.clientSequence <= accepted,
      sent: item.clientSequence <= given,
    }))
  }

  /** How many more may be sealed now. */
  room(): number {
    return OUTBOX_WINDOW - this.#open().length
  }

  /** The highest number that was given, or that the server has. */
  highestGiven(): ClientSequence {
    const last = this.items().at(-1)?.item.clientSequence ?? NONE
    const { accepted } = this.progress.get(this.reader)
    if (accepted > last) return accepted
    return last
  }

  add(tx: Transaction, group: GroupNumber, what: What): void {
    inUnit(this.reader, tx)
    const clientSequence = clientSequenceOf(this.highestGiven() + 1n)
    tx.put('outbox', at(clientSequence), { group, clientSequence, what })
  }

  /** It stays where it is, and is sent as this. */
  replace(tx: Transaction, { item: { group, clientSequence } }: Queued, what: What): void {
    inUnit(this.reader, tx)
    tx.put('outbox', at(clientSequence), { group, clientSequence, what })
  }

  /** The server has everything up to this number, of what was sent: more would make up numbers for what is. */
  accepted(tx: Transaction, through: ClientSequence): void {
    inUnit(this.reader, tx)
    const { accepted } = this.progress.get(tx)
    const last = this.highestGiven()
    const news = through < last ? through : last
    if (news > accepted) this.progress.set(tx, { accepted: news })
  }

  /** Its place in the order was delivered: it is done. */
  echoed(tx: Transaction, clientSequence: ClientSequence): Queued | undefined {
    inUnit(this.reader, tx)
    const found = this.items().find(({ item }) => item.clientSequence === clientSequence)
    if (found) tx.delete('outbox', at(clientSequence))
    return found
  }

  /**
   * Gives up items that the server does not have; those after them move up. An item that was given to the present stream
   * stays, and keeps its number, until the server has answered: it may have it, and its answers go by these numbers.
   */
  drop(tx: Transaction, gone: (queued: Queued) => boolean): Queued[] {
    inUnit(this.reader, tx)
    const open = this.#open()
    const dropped = open.filter(queued => !queued.sent && gone(queued))
    if (dropped.length === 0) return []
    const left = open.filter(queued => !dropped.includes(queued))
    this.#renumber(tx, open, left)
    return dropped
  }

  /** A stream begins: the server has sends up to `highest`. Everything else is sent again. */
  restart(tx: Transaction, highest: ClientSequence): void {
    inUnit(this.reader, tx)
    // A server that was restored from a backup has fewer than it once accepted.
    this.progress.set(tx, { accepted: highest, given: highest })
    const open = this.#open()
    this.#renumber(tx, open, open)
  }

  /** From this number on everything is sent again. */
  rewind(tx: Transaction, from: ClientSequence): void {
    inUnit(this.reader, tx)
    const { accepted, given } = this.progress.get(tx)
    if (given < from) return
    this.progress.set(tx, { given: from > accepted ? after(from, -1) : accepted })
  }

  /** The saved sends that are to go now; they count as sent from here on. */
  takeUnsent(): readonly Queued[] {
    const unsent = this.#open().filter(({ sent }) => !sent)
    const last = unsent.at(-1)
    if (last) this.progress.gave(this.reader, last.item.clientSequence)
    return unsent
  }

  /** The sends that the server does not have. */
  #open(): readonly Queued[] {
    return this.items().filter(({ accepted }) => !accepted)
  }

  /** Numbers everything that the server does not have consecutively from what it has. */
  #renumber(tx: Transaction, before: readonly Queued[], left: readonly Queued[]): void {
    const { accepted } = this.progress.get(tx)
    for (const { item } of before) tx.delete('outbox', at(item.clientSequence))
    for (const [index, { item }] of left.entries()) {
      const clientSequence = after(accepted, index + 1)
      tx.put('outbox', at(clientSequence), { ...item, clientSequence })
    }
  }
}

/** A commit of this device, to be sent with the welcomes and the roster change that go with it. `intents`: what it does. */
export function queueCommit(
  outbox: Outbox,
  tx: Transaction,
  group: GroupNumber,
  {
    bundle,
    intents = [],
  }: {
    bundle: MessageInitShape<typeof CommitBundleSchema> & SignedHead
    intents?: readonly IntentNumber[]
  },
): void {
  const commitBundle = toBinary(CommitBundleSchema, create(CommitBundleSchema, bundle))
  outbox.add(tx, group, { case: 'commit', value: { commitBundle, intents } })
}
