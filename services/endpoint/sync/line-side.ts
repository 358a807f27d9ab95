import type { GetServerResponse, Opened } from '../../../gen/parley/v1/chat_pb.js'
import type { KeyExchanged, RegistrationRefused } from '../../../gen/parley/v1/key_exchange_pb.js'
import type { SeenCertificate } from '../../rpc/channel.js'
import { LineDown, LineStopped } from '../codes/line-error.js'
import type { AnswerFault } from '../codes/notice.js'
import type { Context, RunTransaction } from '../context.js'
import type { EndpointEvent, LineState } from '../events.js'
import { clientSequenceOf } from '../ids.js'
import type { KeyExchangeParts } from '../line/connection.js'
import type { LineHandlers } from '../line/line.js'
import type { ServerTrust } from '../line/server-trust.js'
import type { ResponseFrame } from '../line/session.js'
import { notePutBack } from '../messages/copied-vault.js'
import { askOnceMore } from '../messages/rejoin-requests.js'
import { showSetAside } from '../messages/requests.js'
import { dropWithdrawn } from '../messages/transition.js'
import type { Clock } from '../ports.js'
import { VaultError } from '../vault/vault.js'
import { checkAnswers } from './directory-check.js'
import type { KeyStock } from './keys/key-stock.js'
import type { Keys } from './keys/keys.js'
import { asksServer, exchanged, refused, registration, takeServer } from './own-account.js'
import type { PresenceBeat } from './presence-beat.js'
import type { ReceiveLoop } from './receive-loop.js'
import type { SendLoop } from './send-loop.js'
import { loadServer, noteOperator, type ServerRecord, saveServer, trustSeen } from './server-record.js'

/** The highest number of a send that the vault has a key for, with room for those after it. */
const MAX_CLIENT_SEQUENCE = 2n ** 62n

interface LineSideOptions {
  /** The saved state. */
  context: Context
  transaction: RunTransaction
  clock: Pick<Clock, 'now'>
  keys: Pick<Keys, 'opened'> & { stock: Pick<KeyStock, 'fill'> }
  sendLoop: Pick<SendLoop, 'down' | 'noteGiven' | 'opened'>
  receives: Pick<ReceiveLoop, 'take'>
  beat: Pick<PresenceBeat, 'down' | 'up'>
  emit(event: EndpointEvent): void
}

/** This side of the line: what it asks of the vault, and what becomes of what it tells. */
export class LineSide implements LineHandlers {
  /** As it was told last; undefined: it was never connected. */
  state: LineState | undefined
  /** This machine's clock minus the server's, in ms, at the last Opened. */
  clockOffsetMs: number | undefined

  /** Once for each connection: a server that lies does so about everybody. */
  readonly #faultsTold = new Set<AnswerFault>()

  constructor(private readonly options: LineSideOptions) {}

  async trust(seen: SeenCertificate): Promise<ServerTrust> {
    this.#faultsTold.clear()
    return await this.#unit(({ tx }) => trustSeen(tx, seen))
  }

  account() {
    return this.options.context.account
  }

  suite(): number {
    return this.options.context.engine.suite
  }

  asksServer(): boolean {
    return read(() => asksServer(this.options.context))
  }

  async serverTold(told: GetServerResponse): Promise<void> {
    await this.#unit(({ context, tx }) => takeServer(context, tx, told))
  }

  answered(answer: KeyExchanged, asked: KeyExchangeParts): KeyExchanged {
    const checked = read(() => checkAnswers(this.options.context, answer, asked))
    for (const dropped of checked.dropped) {
      if (this.#faultsTold.has(dropped.why)) continue
      this.#faultsTold.add(dropped.why)
      this.options.emit({ type: 'notice', level: 'warning', notice: { code: 'answers-dropped', ...dropped } })
    }
    return checked.answer
  }

  registration() {
    return read(() => registration(this.options.context))
  }

  async refused(refusal: RegistrationRefused): Promise<'again' | 'stop'> {
    const next = await this.#unit(({ context, tx }) => refused(context, tx, refusal))
    if (typeof next !== 'string') throw new LineStopped(next)
    return next
  }

  cursor(): Uint8Array {
    return read(() => this.#server()?.cursor ?? new Uint8Array())
  }

  /** Everything comes again from the beginning, and is known by its sequence, group by group. */
  async cursorRefused(): Promise<void> {
    await this.#unit(({ tx }) => saveServer(tx, { cursor: new Uint8Array() }))
  }

  async keyExchanged(held: KeyExchanged): Promise<void> {
    const stop = await this.#unit(({ context, tx }) => exchanged(context, tx, held))
    if (stop) throw new LineStopped(stop)
    await saved(this.options.keys.stock.fill(held))
  }

  async onOpened(opened: Opened): Promise<void> {
    const { clock, keys, sendLoop } = this.options
    if (opened.clientSequence > MAX_CLIENT_SEQUENCE) throw new LineDown({ code: 'wrong-numbers' })
    this.clockOffsetMs = clock.now() - Number(opened.serverTimeMs)
    await this.#unit(unit => {
      const { context, outbox, tx } = unit
      const given = loadServer(tx)?.clientSequence ?? 0n
      const had = clientSequenceOf(opened.clientSequence)
      outbox.restart(tx, had)
      dropWithdrawn(context, outbox, tx)
      if (had > given) notePutBack(context, tx, had)
      askOnceMore(context, tx)
      showSetAside(context, tx)
      noteOperator(tx, opened.operatorHandle)
      sendLoop.noteGiven(unit)
    })
    keys.opened(opened)
    sendLoop.opened(opened)
  }

  async onFrame(frame: ResponseFrame): Promise<void> {
    await saved(this.options.receives.take(frame))
  }

  onState(state: LineState): void {
    const { sendLoop, beat, emit } = this.options
    this.state = state
    if (state.state === 'up') beat.up()
    else {
      sendLoop.down()
      beat.down()
    }
    emit({ type: 'line', line: state })
  }

  #server(): ServerRecord | undefined {
    return loadServer(this.options.context.records)
  }

  readonly #unit: RunTransaction = work => saved(this.options.transaction(work))
}

/** A vault that cannot be read or written stops the line. */
const asStop = (error: unknown): unknown =>
  error instanceof VaultError ? new LineStopped({ code: 'vault', vault: error.why }) : error

async function saved<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw asStop(error)
  }
}

function read<T>(look: () => T): T {
  try {
    return look()
  } catch (error) {
    throw asStop(error)
  }
}
