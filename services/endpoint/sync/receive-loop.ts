import type { Accepted, Deliver, Rejected } from '../../../gen/parley/v1/chat_pb.js'
import type { RunTransaction, Unit } from '../context.js'
import { clientSequenceOf, type GroupNumber } from '../ids.js'
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
  /** Handles whose keys are pinned since. */
  met: readonly string[]
  /** A key package of this device was used. */
  hasWelcome: boolean
}

interface ReceiveLoopOptions {
  transaction: RunTransaction
  /** Gives a frame to the line, which drops it while it is down. */
  write(frame: RequestFrame): void
  presence: Pick<Presence, 'take'>
  sendLoop: Pick<SendLoop, 'nudge' | 'noteGiven' | 'pause' | 'receiptsSoon' | 'sendNow'>
  /** The account's devices have changed. */
  onAccountChanged(handle: string): void
  /** Somebody was handed a key package of this device: so many are left. */
  onKeyPackagesLeft(left: number): void
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
        return onKeyPackagesLeft(frame.value.left)
    }
  }

  async #delivered(delivery: Deliver): Promise<void> {
    const { transaction, write, sendLoop, onTakenIn } = this.options
    const taken = await transaction(unit => this.#takeIn(unit, delivery))
    const { cursor } = delivery
    if (cursor.length > 0) write({ case: 'ack', value: { cursor } })
    await onTakenIn(taken)
    sendLoop.receiptsSoon()
  }

  async #takeIn(unit: Unit, { envelopes, cursor }: Deliver): Promise<TakenIn> {
    const { context, tx } = unit
    const { presence, sendLoop } = this.options
    for (const envelope of envelopes) {
      if (envelope.envelope.case === 'ephemeral')
        sendLoop.sendNow(await presence.take(context, envelope.conversationId, envelope.envelope.value))
      else await takeIn(context, tx, envelope)
    }
    if (cursor.length > 0) saveServer(tx, { cursor })
    sendLoop.noteGiven(unit)
    const changed = context.groups.changed(tx)
    return {
      changed: changed.map(({ number }) => number),
      isNew: changed.some(({ wasIn }) => !wasIn),
      met: tx.events.flatMap(event => (event.type === 'contact-pinned' ? [event.handle] : [])),
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
