import { PRESENCE_INTERVAL_MS } from '../../protocol/content/presence.js'
import type { RunTransaction } from '../context.js'
import type { GroupNumber } from '../ids.js'
import type { Timer } from '../ports.js'
import type { Presence, Said } from './presence.js'
import type { Scheduler } from './scheduler.js'
import type { SendLoop } from './send-loop.js'

interface PresenceBeatOptions {
  presence: Pick<Presence, 'announce' | 'expire' | 'forget'>
  transaction: RunTransaction
  scheduler: Pick<Scheduler, 'every'>
  sendLoop: Pick<SendLoop, 'nudge' | 'sendNow'>
  /** Told of a vault that cannot be read. */
  onFailure(error: unknown): void
}

/** Says again and again that this device is here, and looks for what is due meanwhile. */
export class PresenceBeat {
  #timer: Timer | undefined
  /** Others were told that this device is here. */
  #isUp = false

  constructor(private readonly options: PresenceBeatOptions) {}

  start(): void {
    const { presence, scheduler, sendLoop, onFailure } = this.options
    this.#timer?.cancel()
    this.#timer = scheduler.every(PRESENCE_INTERVAL_MS, () => {
      presence.expire()
      sendLoop.nudge()
      this.#say({ here: true, asks: false }).catch(onFailure)
    })
  }

  /** All that the server had for this device is here. */
  up(): void {
    this.#isUp = true
    this.#say({ here: true, asks: true }).catch(this.options.onFailure)
  }

  /** Nothing is known of anybody. */
  down(): void {
    this.#isUp = false
    this.options.presence.forget()
  }

  /** Others may be in these groups than before, who do not know of this device. Throws VaultError. */
  async changed(groups: readonly GroupNumber[]): Promise<void> {
    if (this.#isUp && groups.length > 0) await this.#say({ here: true, asks: true }, groups)
  }

  /** This device leaves. Throws VaultError. */
  async leave(): Promise<void> {
    await this.#say({ here: false, asks: false })
  }

  async #say(what: Said, groups?: readonly GroupNumber[]): Promise<void> {
    const { presence, transaction, sendLoop } = this.options
    await transaction(async ({ context }) => {
      const those = groups?.flatMap(number => context.groups.get(number) ?? [])
      sendLoop.sendNow(await presence.announce(context, what, those))
    })
  }
}
