import type { Opened } from '../../../gen/parley/v1/chat_pb.js'
import type { Context, RunTransaction, Unit } from '../context.js'
import { Sweep } from '../groups/state/due.js'
import type { ClientSequence } from '../ids.js'
import type { RequestFrame } from '../line/frame-writer.js'
import { owing } from '../messages/content/receipt.js'
import { doubtUntil } from '../messages/copied-vault.js'
import type { Outbox } from '../messages/sealing/outbox.js'
import type { Clock } from '../ports.js'
import { framesOf, type Outgoing } from './frames.js'
import type { Scheduler } from './scheduler.js'
import { type Due, sealDue } from './seal-due.js'
import { saveServer } from './server-record.js'

/** A receipt waits this long for company, in ms. */
const RECEIPT_DELAY_MS = 100
/** ms after a stream has begun at which groups are looked for whose time is near: a start has other work. */
const FIRST_SWEEP_MS = 30_000
/** Envelopes in one Send frame, where the server does not want fewer. */
const SEND_ENVELOPES = 128

interface SendLoopOptions {
  /** The saved state. */
  context: Context
  outbox: Pick<Outbox, 'takeUnsent'>
  transaction: RunTransaction
  clock: Pick<Clock, 'now'>
  scheduler: Pick<Scheduler, 'after' | 'wakeAt'>
  /** Gives a frame to the line, which drops it while it is down. */
  write(frame: RequestFrame): void
  /** Everything due was sealed, is saved and is on its way. */
  onSealed(): void
  /** Told of a vault that does not take what was sealed. */
  onFailure(error: unknown): void
  /** Seals what is due; `sealDue` unless given. */
  seal?(unit: Unit, due: Due): Promise<void>
}

/** Seals what waits, one unit of work at a time, and gives it to the line when it is saved. */
export class SendLoop {
  /** The server has answered Open: sends may leave. */
  #isLive = false
  #isNudged = false
  readonly #sweep = new Sweep()
  #pausedUntil = 0
  #areReceiptsDue = false
  #areReceiptsTimed = false
  #perFrame = SEND_ENVELOPES
  /** The highest number that was given, as the vault has it. */
  #noted: ClientSequence | undefined

  constructor(private readonly options: SendLoopOptions) {}

  /** Something may be waiting to be sent. */
  nudge(): void {
    if (this.#isNudged) return
    this.#isNudged = true
    this.#round().catch(this.options.onFailure)
  }

  /** A stream has begun: everything may leave, and receipts that were owed when this device last stopped are due. */
  opened({ limits }: Pick<Opened, 'limits'>): void {
    this.#perFrame = atMost(limits?.envelopesPerSend, SEND_ENVELOPES)
    this.#isLive = true
    this.#pausedUntil = 0
    this.#areReceiptsDue = true
    this.#sweep.nextMs = Math.max(this.#sweep.nextMs, this.options.clock.now() + FIRST_SWEEP_MS)
    this.nudge()
  }

  /** Nothing leaves any more, and nothing is sealed, until a stream begins. */
  down(): void {
    this.#isLive = false
  }

  /** The server wants to wait. */
  pause(ms: number): void {
    this.#pausedUntil = this.options.clock.now() + ms
    this.options.scheduler.after(ms + 1, () => this.nudge())
  }

  /** Something has come of which a receipt may be owed. */
  receiptsSoon(): void {
    if (this.#areReceiptsTimed || !owesReceipts(this.options.context)) return
    this.#areReceiptsTimed = true
    this.options.scheduler.after(RECEIPT_DELAY_MS, () => {
      this.#areReceiptsTimed = false
      this.#areReceiptsDue = true
      this.nudge()
    })
  }

  /** Sends what is not kept and not repeated: it matters only now. */
  sendNow(envelopes: readonly Outgoing[]): void {
    for (let from = 0; this.#isLive && from < envelopes.length; from += this.#perFrame)
      this.#send(envelopes.slice(from, from + this.#perFrame))
  }

  /** Sends everything that is owed before this device leaves: it may not come back for long. */
  async finish(): Promise<void> {
    this.#areReceiptsDue = true
    await this.#round()
  }

  /** Notes in the same write what was numbered in it: by that a vault that was put back from a copy is known. */
  noteGiven({ outbox, tx }: Pick<Unit, 'outbox' | 'tx'>): void {
    const clientSequence = outbox.highestGiven()
    if (clientSequence === this.#noted) return
    saveServer(tx, { clientSequence })
    tx.after(() => {
      this.#noted = clientSequence
    })
  }

  #round(): Promise<void> {
    return this.options.transaction(unit => this.#seal(unit))
  }

  async #seal(unit: Unit): Promise<void> {
    const { clock, seal = sealDue } = this.options
    this.#isNudged = false
    const now = clock.now()
    if (!this.#isLive || now < this.#pausedUntil) return
    const receipts = this.#areReceiptsDue
    unit.context.due.sweep(unit.tx, this.#sweep, now)
    await seal(unit, { now, receipts })
    this.noteGiven(unit)
    unit.tx.after(() => this.#sealed(receipts))
  }

  /** Everything due was sealed and is saved. */
  #sealed(receipts: boolean): void {
    const { context, outbox, onSealed } = this.options
    // Those that the outbox had no room for are still due.
    this.#areReceiptsDue = receipts && owesReceipts(context)
    for (const envelopes of framesOf(context.groups, outbox.takeUnsent(), this.#perFrame))
      this.#send(envelopes)
    this.#wakeWhenDue()
    onSealed()
  }

  #send(envelopes: Outgoing[]): void {
    this.options.write({ case: 'send', value: { envelopes } })
  }

  #wakeWhenDue(): void {
    const { context, clock, scheduler } = this.options
    const now = clock.now()
    const times = [doubtUntil(context.records), ...context.due.all().map(({ atMs }) => atMs)]
    const next = times.reduce<number>(
      (least, atMs = least) => (atMs > now && atMs < least ? atMs : least),
      Number.POSITIVE_INFINITY,
    )
    if (next < Number.POSITIVE_INFINITY) scheduler.wakeAt(next, () => this.nudge())
  }
}

/** A server that does not say its limit has ours. */
const atMost = (limit = 0, own: number): number => (limit > 0 ? Math.min(limit, own) : own)

const owesReceipts = (
  context: Pick<Context, 'account' | 'contacts' | 'conversations' | 'due' | 'engine' | 'groups' | 'lists'>,
): boolean =>
  context.due.all().some(({ group, receipts }) => {
    const live = receipts ? context.groups.get(group) : undefined
    return live !== undefined && owing(context, live).length > 0
  })
