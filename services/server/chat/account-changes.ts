// Tells open sessions that an account's devices have changed. A hint: a device without a session looks it up later.
// One account at a time, and what comes meanwhile is told once, so that changes in a row cost no more.

import { setImmediate } from 'node:timers/promises'
import { bytesKey } from '../bytes.js'
import type { DeviceId, Directory, Log } from '../store/store.js'
import type { Sessions } from './sessions.js'

/** Rosters that are gone through before other work gets its turn. */
const ROSTERS_AT_ONCE = 32

interface AccountChangesOptions {
  directory: Pick<Directory, 'devices'>
  log: Pick<Log, 'conversations' | 'roster'>
  sessions: Pick<Sessions, 'addChangedAccount'>
  onFailure: (error: unknown) => void
}

export class AccountChanges {
  readonly #options: AccountChangesOptions
  /** The devices that were revoked, by handle. */
  readonly #waiting = new Map<string, readonly DeviceId[]>()
  #working: Promise<void> | undefined
  #isStopped = false

  constructor(options: AccountChangesOptions) {
    this.#options = options
  }

  /**
   * Tells the sessions here, in a moment: those of the account's own devices, and of those on the rosters that it is
   * on, also by the devices that were just revoked.
   */
  announce(handle: string, revoked: readonly DeviceId[]): void {
    this.#waiting.set(handle, [...(this.#waiting.get(handle) ?? []), ...revoked])
    this.#working ??= this.#work()
  }

  /** Tells no more. Resolves when the store is left alone. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#working
  }

  async #work(): Promise<void> {
    for (const [handle, revoked] of this.#waiting) {
      this.#waiting.delete(handle)
      if (!this.#isStopped) await this.#tell(handle, revoked).catch(this.#options.onFailure)
    }
    this.#working = undefined
  }

  async #tell(handle: string, revoked: readonly DeviceId[]): Promise<void> {
    const { directory, log, sessions } = this.#options
    const own = ((await directory.devices(handle)) ?? []).map(({ deviceId }) => deviceId)
    const conversations = new Map<string, Uint8Array>()
    for (const device of [...own, ...revoked])
      for (const id of await log.conversations(device)) conversations.set(bytesKey(id), id)
    sessions.addChangedAccount(own, handle)
    let looked = 0
    for (const id of conversations.values()) {
      sessions.addChangedAccount((await log.roster(id)) ?? [], handle)
      looked += 1
      if (looked % ROSTERS_AT_ONCE === 0) await setImmediate()
    }
  }
}
