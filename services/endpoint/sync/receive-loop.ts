import type { Accepted, Deliver, KeyPackagesLeft, Rejected } from '../../../gen/parley/v1/chat_pb.js'
import type { Context, RunTransaction, Unit } from '../context.js'
import { accountsIn } from '../groups/membership.js'
import type { LiveGroup } from '../groups/state/groups.js'
import { type AccountKey, clientSequenceOf, type GroupNumber, isKey } from '../ids.js'
import type { RequestFrame } from '../line/frame-writer.js'
import type { ResponseFrame } from '../line/session.js'
import { takeIn } from '../messages/receive.js'
import { onRejected } from '../messages/rejections.js'
import type { Presence } from './presence.js'
import type { SendLoop } from './send-loop.js'
import { saveServer } from './server-record.js'

/** The content of a delivery besides what a person reads. */
export interface TakenIn {
  /** Groups that are in another epoch or status than before, by their numbers. */
  changed: readonly GroupNumber[]
  /** Some of them were not active before. */
  isNew: boolean
  /** The handles of those who were never met before, or of whom no device is in a group that is new here. */
  met: readonly string[]
  /** A key package of this device was used. */
  hasWelcome: boolean
  /** Somebody knows a list of this account's devices that this device does not. */
  hasOtherList: boolean
}

interface ReceiveLoopOptions {
  transaction: RunTransaction
  /** Gives a frame to the line, which drops it while it is down. */
  write(frame: RequestFrame): void
  presence: Pick<Presence, 'take'>
  sendLoop: Pick<SendLoop, 'nudge' | 'noteGiven' | 'pause' | 'receiptsSoon' | 'sendNow'>
  /** Asks the server's directory whose these handles are; returns when it has said so, or cannot. Throws VaultError. */
  introduce(handles: readonly string[]): Promise<void>
  /** The account's devices have changed. */
  onAccountChanged(handle: string): void
  /** Somebody was handed a key package of this device: so many are left. */
  onKeyPackagesLeft(stock: KeyPackagesLeft): void
  /** The delivery is saved and acked. */
  onTakenIn(taken: TakenIn): Promise<void>
}

/** Takes in what the server says, one frame at a time: a delivery is acked when what it brought is saved. */
export class ReceiveLoop {
  constructor(private readonly options: ReceiveLoopOptions) {}

  /** Throws VaultError. */
  async take(frame: ResponseFrame): Promise<void> {
    const { sendLoop, onAccountChanged, onKeyPackagesLeft } = this.options
    switch (frame.case) {
      case 'deliver':
        await this.#delivered(frame.value)
        return sendLoop.nudge()
      case 'accepted':
        await this.#accepted(frame.value)
        return sendLoop.nudge()
      case 'rejected':
        await this.#rejected(frame.value)
        return sendLoop.nudge()
      case 'accountChanged':
        return onAccountChanged(frame.value.handle)
      case 'keyPackagesLeft':
        return onKeyPackagesLeft(frame.value)
    }
  }

  async #delivered(delivery: Deliver): Promise<void> {
    const { write, sendLoop, onTakenIn } = this.options
    const taken = await this.#introduced(delivery)
    const { cursor } = delivery
    if (cursor.length > 0) write({ case: 'ack', value: { cursor } })
    await onTakenIn(taken)
    sendLoop.receiptsSoon()
  }

  /** Nothing is told of strangers before the directory has said whose the handles are that they claim. */
  async #introduced(delivery: Deliver): Promise<TakenIn> {
    const { introduce, transaction } = this.options
    const asked = new Set<string>()
    for (;;) {
      try {
        return await transaction(unit => this.#takeIn(unit, delivery, asked))
      } catch (error) {
        if (!(error instanceof Strangers)) throw error
        await introduce(error.handles)
        for (const handle of error.handles) asked.add(handle)
      }
    }
  }

  async #takeIn(unit: Unit, { envelopes, cursor }: Deliver, asked: ReadonlySet<string>): Promise<TakenIn> {
    const { context, tx } = unit
    const { presence, sendLoop } = this.options
    for (const envelope of envelopes)
      if (envelope.envelope.case !== 'ephemeral') await takeIn(context, tx, envelope)
    const met = metBy(unit)
    const strangers = met.filter(({ handle }) => !asked.has(handle))
    if (strangers.length > 0) throw new Strangers(strangers.map(({ handle }) => handle))
    for (const { handle } of met.filter(each => isImpostor(context, each)))
      tx.tell({ type: 'notice', level: 'warning', notice: { code: 'impostor', handle } })
    // It is not kept, and may overtake the rest.
    for (const { conversationId, envelope } of envelopes)
      if (envelope.case === 'ephemeral')
        sendLoop.sendNow(await presence.take(context, conversationId, envelope.value))
    if (cursor.length > 0) saveServer(tx, { cursor })
    sendLoop.noteGiven(unit)
    const changed = context.groups.changed(tx)
    const joined = changed.flatMap(({ number, wasIn }) => (wasIn ? [] : (context.groups.get(number) ?? [])))
    return {
      changed: changed.map(({ number }) => number),
      isNew: joined.length > 0,
      met: [...met.map(({ handle }) => handle), ...joined.flatMap(group => absentFrom(context, group))],
      hasOtherList: context.session.otherLists.length > 0,
      hasWelcome: envelopes.some(({ envelope }) => envelope.case === 'welcome'),
    }
  }

  async #accepted({ clientSequence }: Accepted): Promise<void> {
    await this.options.transaction(({ outbox, tx }) => outbox.accepted(tx, clientSequenceOf(clientSequence)))
  }

  async #rejected(rejected: Rejected): Promise<void> {
    const { transaction, sendLoop } = this.options
    const wait = await transaction(async unit => {
      let longest = 0
      for (const send of rejected.sends)
        longest = Math.max(longest, await onRejected(unit.context, unit.tx, send))
      sendLoop.noteGiven(unit)
      return longest
    })
    if (wait > 0) sendLoop.pause(wait)
  }
}

/** Somebody was met of whom the directory has not said yet whose their handle is: the unit of work begins again. */
class Strangers extends Error {
  override name = 'Strangers'
  readonly handles: readonly string[]

  constructor(handles: readonly string[]) {
    super()
    this.handles = [...new Set(handles)]
  }
}

/** Those of whom nothing was known before this unit of work. */
function metBy({ tx }: Pick<Unit, 'tx'>): { handle: string; accountKey: AccountKey }[] {
  return tx.touched('contacts').flatMap(key => {
    const contact = tx.saved('contacts', key) ? undefined : tx.get('contacts', key)
    return contact && isKey(contact.accountKey)
      ? [{ handle: contact.handle, accountKey: contact.accountKey }]
      : []
  })
}

/** The handles of those of which no device is in a group that is new here: whoever made it may have left them out. */
const absentFrom = (context: Pick<Context, 'engine'>, group: LiveGroup): string[] =>
  accountsIn(context, group).flatMap(({ devices, handle }) => (devices.length > 0 || !handle ? [] : [handle]))

/** Somebody else is known by the handle, and the directory stands by them. */
function isImpostor(
  { contacts }: Pick<Context, 'contacts'>,
  { handle, accountKey }: { handle: string; accountKey: AccountKey },
): boolean {
  const { handles } = contacts
  return (
    handles.pinned(handle) !== undefined &&
    !handles.isPinned(handle, accountKey) &&
    !handles.hasChanged(handle)
  )
}
