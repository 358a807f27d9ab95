// The line to the server: connected, kept up, and connected again when it breaks, until it is closed or a person
// has to decide something.

import type { KeyExchanged } from '../../../gen/parley/v1/key_exchange_pb.js'
import { type Address, formatAddress } from '../../protocol/invite/address.js'
import { LineDown, LineStopped } from '../codes/line-error.js'
import type { LineState } from '../events.js'
import { type Ports, pause } from '../ports.js'
import { Backoff } from './backoff.js'
import { Connection, type ConnectionHandlers, type KeyExchangeParts } from './connection.js'
import { explainFailure } from './failure.js'
import type { RequestFrame } from './frame-writer.js'
import type { SessionHandlers } from './session.js'

/** How long the server may take to end a stream that this side has ended, in ms. */
const LEAVE_TIMEOUT_MS = 1_000

export type LinePorts = Pick<Ports, 'dialer' | 'clock' | 'random'>

export interface LineHandlers extends ConnectionHandlers, SessionHandlers {
  /** The device is registered; tells what the server holds of it. */
  keyExchanged(answer: KeyExchanged): Promise<void>
  onState(state: LineState): void
}

export class Line {
  #connection: Connection | undefined
  #running: Promise<void> = Promise.resolve()
  #isLeaving = false
  readonly #closing = new AbortController()
  readonly #backoff: Backoff

  constructor(
    private readonly address: Address,
    private readonly ports: LinePorts,
    private readonly handlers: LineHandlers,
  ) {
    this.#backoff = new Backoff(() => ports.random.fraction())
  }

  /** Connects, and goes on until `close` or a LineStopped. */
  start(): void {
    this.#running = this.#running
      .then(() => this.#loop())
      .catch(error => {
        if (!(error instanceof LineStopped)) throw error
        this.handlers.onState({ state: 'stopped', reason: error.reason, cause: error.why })
      })
  }

  /** Dropped while the line is down: the outbox sends again when it is up. */
  write(frame: RequestFrame): void {
    this.#connection?.write(frame)
  }

  /** Throws RpcError or LineStopped; UNAVAILABLE while the line is down. */
  async keyExchange(parts: KeyExchangeParts): Promise<KeyExchanged> {
    if (!this.#connection) throw new LineDown({ code: 'no-line', address: formatAddress(this.address) })
    return await this.#connection.keyExchange(parts)
  }

  async close(): Promise<void> {
    this.#isLeaving = true
    if (this.#connection?.hasSession) {
      this.#connection.endSession()
      await this.#ended(LEAVE_TIMEOUT_MS)
    }
    this.#closing.abort()
    await this.#running
  }

  async #loop(): Promise<void> {
    while (!this.#isLeaving) {
      try {
        await this.#once()
      } catch (error) {
        if (this.#isLeaving) return
        const cause = explainFailure(error, this.ports.clock.now())
        const retryInMs = this.#backoff.next()
        this.handlers.onState({ state: 'down', cause, retryInMs })
        await pause(this.ports.clock, retryInMs, this.#closing.signal)
      }
    }
  }

  async #once(): Promise<never> {
    const { address, handlers } = this
    const { dialer, clock } = this.ports
    handlers.onState({ state: 'connecting' })
    const signal = this.#closing.signal
    const connection = await Connection.open({ address, dialer, clock, handlers, signal })
    try {
      this.#connection = connection
      await handlers.keyExchanged(await connection.register())
      return await connection.converse({
        onOpened: async opened => {
          this.#backoff.reset()
          await handlers.onOpened(opened)
        },
        onFrame: async frame => {
          if (frame.case === 'caughtUp') handlers.onState({ state: 'up' })
          await handlers.onFrame(frame)
        },
      })
    } finally {
      this.#connection = undefined
      connection.close()
    }
  }

  /** Resolves when nothing runs any more, or when the time is up. */
  async #ended(withinMs: number): Promise<void> {
    const timeUp = new AbortController()
    await Promise.race([this.#running, pause(this.ports.clock, withinMs, timeUp.signal)])
    timeUp.abort()
  }
}
