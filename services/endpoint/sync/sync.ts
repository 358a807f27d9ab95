// Between the conversations and the line: wires the loops, the scheduler, and what asks the server for keys.

import type { KeyExchanged } from '../../../gen/parley/v1/key_exchange_pb.js'
import { LineDown } from '../codes/line-error.js'
import type { KeyChangePolicy } from '../contacts/trust.js'
import type { Context, RunTransaction } from '../context.js'
import type { EndpointEvent } from '../events.js'
import type { KeyExchangeParts } from '../line/connection.js'
import type { RequestFrame } from '../line/frame-writer.js'
import { Line, type LinePorts } from '../line/line.js'
import type { Outbox } from '../messages/sealing/outbox.js'
import { VaultError } from '../vault/vault.js'
import { Background } from './background.js'
import { Keys } from './keys/keys.js'
import { LineSide } from './line-side.js'
import type { Presence } from './presence.js'
import { PresenceBeat } from './presence-beat.js'
import { ReceiveLoop, type TakenIn } from './receive-loop.js'
import { Scheduler } from './scheduler.js'
import { SendLoop } from './send-loop.js'
import { loadServer } from './server-record.js'

interface SyncOptions {
  /** The saved state. */
  context: Context
  outbox: Outbox
  transaction: RunTransaction
  presence: Presence
  ports: LinePorts
  keyChange: KeyChangePolicy
  /** One-time key packages that are kept at the server. */
  keyStock?: number | undefined
  emit(event: EndpointEvent): void
}

export class Sync {
  readonly keys: Keys
  /** For the doctor: how the line is. */
  readonly line: LineSide
  #line: Line | undefined
  readonly #scheduler: Scheduler
  readonly #background: Background
  readonly #sendLoop: SendLoop
  readonly #beat: PresenceBeat

  constructor(private readonly options: SyncOptions) {
    const { clock } = options.ports
    const write = (frame: RequestFrame) => this.#line?.write(frame)
    const onFailure = (error: unknown) => this.#failed(error)
    const scheduler = new Scheduler(clock)
    const background = new Background(onFailure)
    const keys = new Keys({
      ...{ ...options, policy: options.keyChange, stockSize: options.keyStock, scheduler, background },
      exchange: parts => this.exchange(parts),
      nudge: () => this.nudge(),
    })
    const toLine = { ...options, clock, scheduler, write, onFailure }
    const sendLoop = new SendLoop({ ...toLine, onSealed: () => keys.ask() })
    const beat = new PresenceBeat({ ...toLine, sendLoop: sendLoop })
    const receives = new ReceiveLoop({
      ...{ ...toLine, sendLoop: sendLoop },
      introduce: handles => keys.introduce(handles),
      onAccountChanged: handle => keys.changed(handle),
      onKeyPackagesLeft: stock => keys.drawn(stock),
      onTakenIn: taken => this.#takenIn(taken),
    })
    this.keys = keys
    this.line = new LineSide({ ...options, clock, keys, sendLoop: sendLoop, receives, beat })
    this.#scheduler = scheduler
    this.#background = background
    this.#sendLoop = sendLoop
    this.#beat = beat
  }

  /** Connects to the server that is noted, and keeps the line up from here. */
  start(): void {
    const server = loadServer(this.options.context.records)
    if (!server) return
    this.#line = new Line(server, this.options.ports, this.line)
    this.#line.start()
    this.#beat.start()
  }

  /** Sends what is owed, says that this device leaves, and closes the line. */
  async stop(): Promise<void> {
    this.#scheduler.stop()
    await this.#sendLoop.finish().catch(error => this.#failed(error))
    await this.#beat.leave().catch(() => undefined)
    this.#sendLoop.down()
    await this.#line?.close()
    this.#line = undefined
    await this.#background.settled()
  }

  /** Something may be waiting to be sent. */
  nudge(): void {
    this.#sendLoop.nudge()
  }

  /** Throws RpcError or LineStopped. */
  async exchange(parts: KeyExchangeParts): Promise<KeyExchanged> {
    if (!this.#line) throw new LineDown({ code: 'no-line', address: '' })
    return await this.#line.keyExchange(parts)
  }

  async #takenIn({ changed, isNew, met, hasWelcome, hasOtherList }: TakenIn): Promise<void> {
    if (hasWelcome) this.keys.used()
    // They may have more devices than those that were shown.
    for (const handle of met) this.keys.changed(handle)
    // A group that is new here may be without this account's other devices.
    if (isNew || hasOtherList) this.keys.changed(this.options.context.account.handle)
    await this.#beat.changed(changed)
  }

  #failed(error: unknown): void {
    this.#sendLoop.down()
    if (!(error instanceof VaultError)) throw error
    this.line.onState({ state: 'stopped', reason: 'vault', cause: { code: 'vault', vault: error.why } })
    void this.#line?.close()
  }
}
