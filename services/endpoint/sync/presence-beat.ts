import { PRESENCE_INTERVAL_MS } from '../../protocol/content/presence.js'
import type { Context, RunTransaction } from '../context.js'
import type { LiveGroup } from '../groups/state/groups.js'
import type { GroupNumber } from '../ids.js'
import type { Timer } from '../ports.js'
import type { Presence, Said } from './presence.js'
import type { Scheduler } from './scheduler.js'
import type { SendLoop } from './send-loop.js'

/** Conversations in which it is said as soon as the line is up; in the others in use, with the next beat. */
const SAID_AT_ONCE = 16

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
  /** In some of the conversations in use nobody was asked yet. */
  #asks = false

  constructor(private readonly options: PresenceBeatOptions) {}

  start(): void {
    const { presence, scheduler, sendLoop, onFailure } = this.options
    this.#timer?.cancel()
    this.#timer = scheduler.every(PRESENCE_INTERVAL_MS, () => {
      presence.expire()
      sendLoop.nudge()
      const asks = this.#asks
      this.#asks = false
      this.#say({ here: true, asks }).catch(onFailure)
    })
  }

  /** All that the server had for this device is here. */
  up(): void {
    this.#isUp = true
    this.#say({ here: true, asks: true }, context => this.#first(context)).catch(this.options.onFailure)
  }

  /** Nothing is known of anybody. */
  down(): void {
    this.#isUp = false
    this.#asks = false
    this.options.presence.forget()
  }

  /** Others may be in these groups than before, who do not know of this device. Throws VaultError. */
  async changed(groups: readonly GroupNumber[]): Promise<void> {
    if (!this.#isUp || groups.length === 0) return
    await this.#say({ here: true, asks: true }, context =>
      groups.flatMap(number => context.groups.get(number) ?? []),
    )
  }

  /** This device leaves. Throws VaultError. */
  async leave(): Promise<void> {
    await this.#say({ here: false, asks: false })
  }

  /** At the start only so many are asked: each conversation costs a message. */
  #first({ recents, groups }: Context): LiveGroup[] {
    const inUse = recents.all()
    this.#asks = inUse.length > SAID_AT_ONCE
    return inUse.slice(0, SAID_AT_ONCE).flatMap(each => groups.of(each))
  }

  /** `where`: in all conversations in use, unless given. */
  async #say(what: Said, where?: (context: Context) => readonly LiveGroup[]): Promise<void> {
    const { presence, transaction, sendLoop } = this.options
    await transaction(async ({ context }) => {
      sendLoop.sendNow(await presence.announce(context, what, where?.(context)))
    })
  }
}
