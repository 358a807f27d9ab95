// What is sealed and on its way to the server. Sends are numbered 1, 2, 3, ... over the device's life and
// taken by the server strictly in that order (proto/parley/v1, Send), so after a rejection or a lost line the
// rest is sent again from there, and a send that is given up closes its gap.

import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { CommitBundleSchema } from '../../../gen/parley/v1/chat_pb.js'
import {
  OutboxCommitSchema,
  type OutboxItem,
  OutboxItemSchema,
} from '../../../gen/parley/vault/v1/records_pb.js'
import { at, type Batch, type Reader } from '../vault/records.js'

/** Envelopes sealed and not yet accepted: bounds memory, and what has to be sealed anew when an epoch passes. */
export const OUTBOX_WINDOW = 64

export interface Queued {
  item: OutboxItem
  /** The server has it; its echo is still to come. */
  accepted: boolean
  /** Given to the present stream. */
  sent: boolean
}

export interface Outbox {
  items(): readonly Queued[]
  /** How many more may be sealed now. */
  room(): number
  add(batch: Batch, group: bigint, what: OutboxItem['what']): Queued
  /** Saves a change of the item. */
  replace(batch: Batch, queued: Queued): void
  /** The server has everything up to this number: returns what that is news of. */
  accepted(through: bigint): Queued[]
  /** Its place in the order was delivered: it is done. */
  echoed(batch: Batch, clientSequence: bigint): Queued | undefined
  /** Gives up items that the server does not have; those after them move up. */
  drop(batch: Batch, gone: (queued: Queued) => boolean): Queued[]
  /** A stream begins: the server has sends up to `highest`. Everything else is sent again. */
  restart(batch: Batch, highest: bigint): Queued[]
  /** The highest number that was given, or that the server has. */
  highestGiven(): bigint
  /** From this number on everything is sent again. */
  rewind(from: bigint): void
  /** What is to be sent now, marked as sent. */
  takeUnsent(): Queued[]
  reload(): void
}

export function openOutbox(records: Reader): Outbox {
  let queue: Queued[] = []
  let highest = 0n
  const reload = () => {
    queue = records
      .list('outbox')
      .map(({ record }) => ({ item: record, accepted: record.clientSequence <= highest, sent: false }))
  }
  reload()

  const next = () => {
    const last = queue.at(-1)?.item.clientSequence ?? 0n
    return (last > highest ? last : highest) + 1n
  }
  const save = (batch: Batch, { item }: Queued) => batch.put('outbox', at(item.clientSequence), item)
  /** Numbers everything that the server does not have consecutively from highest + 1. */
  const renumber = (batch: Batch) => {
    let number = highest
    const open = queue.filter(queued => !queued.accepted)
    const moved = open.filter(({ item }) => item.clientSequence !== ++number)
    for (const { item } of moved) batch.delete('outbox', at(item.clientSequence))
    number = highest
    for (const queued of open) {
      queued.item.clientSequence = ++number
      if (moved.includes(queued)) save(batch, queued)
    }
  }
  const accepted = (through: bigint) => {
    if (through > highest) highest = through
    const news = queue.filter(({ item, accepted }) => !accepted && item.clientSequence <= through)
    for (const queued of news) queued.accepted = true
    return news
  }
  /** What a server says that was never sent would make up numbers for what is. */
  const acceptedAsSent = (through: bigint) => {
    const last = next() - 1n
    return accepted(through < last ? through : last)
  }
  const rewind = (from: bigint) => {
    for (const queued of queue) if (queued.item.clientSequence >= from) queued.sent = false
  }

  return {
    items: () => queue,
    room: () => OUTBOX_WINDOW - queue.filter(queued => !queued.accepted).length,
    add(batch, group, what) {
      const item = create(OutboxItemSchema, { group, clientSequence: next(), what })
      const queued = { item, accepted: false, sent: false }
      queue.push(queued)
      save(batch, queued)
      return queued
    },
    replace: save,
    accepted: acceptedAsSent,
    echoed(batch, clientSequence) {
      const found = queue.find(({ item }) => item.clientSequence === clientSequence)
      if (!found) return undefined
      queue = queue.filter(queued => queued !== found)
      batch.delete('outbox', at(clientSequence))
      return found
    },
    drop(batch, gone) {
      const dropped = queue.filter(queued => !queued.accepted && gone(queued))
      for (const { item } of dropped) batch.delete('outbox', at(item.clientSequence))
      queue = queue.filter(queued => !dropped.includes(queued))
      renumber(batch)
      return dropped
    },
    restart(batch, from) {
      // A server that was restored from a backup has fewer than it once accepted.
      for (const queued of queue) if (queued.item.clientSequence > from) queued.accepted = false
      highest = from
      const news = accepted(from)
      renumber(batch)
      rewind(from + 1n)
      return news
    },
    highestGiven: () => next() - 1n,
    rewind,
    takeUnsent() {
      const unsent = queue.filter(queued => !queued.accepted && !queued.sent)
      for (const queued of unsent) queued.sent = true
      return unsent
    },
    reload,
  }
}

/** A commit of this device, to be sent with the welcomes and the roster change that go with it. `intents`: what it does. */
export function queueCommit(
  outbox: Outbox,
  batch: Batch,
  group: bigint,
  {
    bundle,
    intents = [],
  }: { bundle: MessageInitShape<typeof CommitBundleSchema>; intents?: readonly bigint[] },
): Queued {
  const commitBundle = toBinary(CommitBundleSchema, create(CommitBundleSchema, bundle))
  const value = create(OutboxCommitSchema, { commitBundle, intents: [...intents] })
  return outbox.add(batch, group, { case: 'commit', value })
}
