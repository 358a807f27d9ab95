import type { KeyPackagesLeft, Opened } from '../../../../gen/parley/v1/chat_pb.js'
import type { KeyExchanged } from '../../../../gen/parley/v1/key_exchange_pb.js'
import type { KeyChangePolicy } from '../../contacts/trust.js'
import type { Context, RunTransaction } from '../../context.js'
import type { EndpointEvent } from '../../events.js'
import type { KeyExchangeParts } from '../../line/connection.js'
import { type Background, ignoreDownLine } from '../background.js'
import type { Scheduler } from '../scheduler.js'
import { ChangedKeys } from './changed-keys.js'
import { DeviceLists } from './device-lists.js'
import { KeyClaims } from './key-claims.js'
import { KeyStock } from './key-stock.js'

interface KeysOptions {
  /** The saved state. */
  context: Context
  transaction: RunTransaction
  /** Throws RpcError or LineStopped. */
  exchange(parts: KeyExchangeParts): Promise<KeyExchanged>
  scheduler: Pick<Scheduler, 'after' | 'isStopped'>
  background: Background
  /** The policy for another account key than before. */
  policy: KeyChangePolicy
  /** One-time key packages that are kept at the server; KeyStock's own number unless given. */
  stockSize?: number | undefined
  /** Something may be waiting to be sent. */
  nudge(): void
  emit(event: EndpointEvent): void
}

/** All that this device asks the server's directory of keys, and gives to it. */
export class Keys {
  readonly stock: KeyStock
  readonly #claims: KeyClaims
  readonly #lists: DeviceLists

  constructor(private readonly options: KeysOptions) {
    const { stockSize } = options
    this.stock = new KeyStock({ ...options, ...(stockSize === undefined ? {} : { size: stockSize }) })
    this.#claims = new KeyClaims({ ...options, changedKeys: new ChangedKeys(options) })
    this.#lists = new DeviceLists(options)
  }

  /** Asks for all that is due, beside the units of work. */
  ask(): void {
    const { background, scheduler } = this.options
    if (scheduler.isStopped) return
    background.run(this.#claims.run())
    background.run(this.#lists.run())
    background.run(this.stock.renew())
  }

  /** Every welcome uses a key package up. */
  used(): void {
    this.options.background.run(this.stock.check())
  }

  /** Others draw on the key packages of this device, of which so many are left. */
  drawn({ suite, left }: Pick<KeyPackagesLeft, 'left' | 'suite'>): void {
    const { background, context } = this.options
    if (suite === context.engine.suite) background.run(this.stock.drawn(left))
  }

  /** A stream has begun: everybody is due. */
  opened({ limits }: Pick<Opened, 'limits'>): void {
    this.#claims.limit(limits?.claimsPerCall)
    this.#claims.restart()
    this.#lists.restart()
  }

  /** Somebody may be reached who could not be before. */
  lookAgain(): void {
    this.#claims.restart()
    this.options.nudge()
  }

  /** The account has a new device, or one less. */
  changed(handle: string): void {
    this.#lists.changed(handle)
  }

  /** Asks whose these handles are, which somebody claims; where the server does not say, they stay claims. Throws VaultError. */
  async introduce(handles: readonly string[]): Promise<void> {
    await this.#lists.introduce(handles).catch(ignoreDownLine)
  }

  /** Devices of this account were ended: the server is to be told. */
  publish(): void {
    this.options.background.run(this.#lists.run())
  }
}
