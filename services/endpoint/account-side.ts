// An account as its person sees it from this device: the account itself, its words, its devices, the server that it is on.

import { phraseOf } from '../protocol/identity/recovery-phrase.js'
import { sameKey } from '../protocol/keys.js'
import { confirmWords, forgetKey, keyState } from './contacts/account.js'
import { checkRevocable, type DeviceView, nameDevice, viewDevices } from './contacts/own-devices.js'
import { type ListWish, signList } from './contacts/own-list.js'
import type { Context, RunTransaction } from './context.js'
import { inviteLink, isListed, prepare, type StartOptions } from './first-start.js'
import type { DeviceKey } from './ids.js'
import { endDevice } from './messages/lists/ended-devices.js'
import { giveHistory } from './messages/transfer/due.js'
import type { Ports } from './ports.js'
import { loadServer } from './sync/server-record.js'
import type { Sync } from './sync/sync.js'
import type { Records } from './vault/records.js'
import { type AccountView, type ServerView, viewAccount, viewServer } from './views.js'

interface AccountSideParts {
  ports: Pick<Ports, 'vault'>
  records: Records
  /** The saved state. */
  context: Context
  transaction: RunTransaction
  /** A change by a person: saved, then sent as soon as it can be. */
  change: RunTransaction
  sync: { keys: Pick<Sync['keys'], 'publish'> }
}

export class AccountSide {
  readonly #parts: AccountSideParts

  constructor(parts: AccountSideParts) {
    this.#parts = parts
  }

  /** undefined until `prepare` has made the account. */
  account(): AccountView | undefined {
    return viewAccount(this.#parts.context)
  }

  /** Whether a server has ever taken this device in: until then nothing of its vault is of use to anybody. */
  wasTakenIn(): boolean {
    const { context } = this.#parts
    return context.account !== undefined && isListed(context)
  }

  server(): ServerView | undefined {
    return viewServer(this.#parts.records)
  }

  /** The operator's handle, once the server told it. */
  operator(): string | undefined {
    return loadServer(this.#parts.records)?.operatorHandle || undefined
  }

  /** Makes the account and notes the server where that is missing. Throws Refusal for what is no handle. */
  async prepare(start: StartOptions): Promise<AccountView> {
    const { context, transaction } = this.#parts
    await transaction(({ context, tx }) => prepare(context, tx, start))
    return viewAccount(context)!
  }

  changePassphrase(passphrase: string | undefined): Promise<void> {
    return this.#parts.ports.vault.changePassphrase(passphrase)
  }

  /** A link that names the server and this account by their keys; undefined before the server's key is pinned. */
  inviteLink(): string | undefined {
    return inviteLink(this.#parts.context)
  }

  /**
   * The 24 words that the account can be restored from, while they are here: until the server has taken the account in,
   * or, where they are kept for that, until they are confirmed. Secret.
   */
  recoveryPhrase(): string | undefined {
    const { accountSeed } = keyState(this.#parts.records)
    return accountSeed.length > 0 ? phraseOf(accountSeed) : undefined
  }

  /** Whether the words are kept here until the person has confirmed to have them. */
  keepsWords(): boolean {
    return keyState(this.#parts.records).keepsWords
  }

  /** The person has the words: they go. */
  confirmWords(): Promise<void> {
    return this.#parts.change(({ tx }) => confirmWords(tx))
  }

  /** This account's devices as far as they are known here, in the order of its list: each may end those behind it. */
  devices(): DeviceView[] {
    const { devices } = this.#parts.context
    return viewDevices(devices, this.#ownDevice())
  }

  /** Calls this device so among them. Throws Refusal. */
  nameDevice(name: string): Promise<void> {
    return this.#parts.change(({ context, tx }) => nameDevice(context.devices, tx, this.#ownDevice(), name))
  }

  /**
   * Ends a device of this account that stands behind this one; of a device that is not let in yet: leaves that one out
   * of the list. Throws Refusal.
   */
  async revokeDevice(id: DeviceKey): Promise<void> {
    await this.#parts.change(async ({ context, tx }) => {
      const own = this.#ownDevice()
      checkRevocable(context.devices, own, id)
      if (!keyState(tx).isJoining) return endDevice(context, tx, id)
      const keep = this.devices().flatMap(device => (sameKey(device.id, id) ? [] : [device.id]))
      signList(context, tx, { place: 'last', keep })
    })
    this.#parts.sync.keys.publish()
  }

  /** The person agrees that a device of this account that waits is handed the history of this one. Throws Refusal. */
  giveHistory(id: DeviceKey): Promise<void> {
    return this.#parts.change(({ context, tx }) => giveHistory(context, tx, id))
  }

  /** The person has seen the devices of the account, and agrees to a list with this one. `connect` brings it. Throws Refusal. */
  async join(wish: ListWish): Promise<void> {
    await this.#parts.change(({ context, tx }) => signList(context, tx, wish))
  }

  /** The person does not agree: the words go. */
  async abandonJoining(): Promise<void> {
    await this.#parts.change(({ tx }) => forgetKey(tx))
  }

  #ownDevice(): DeviceKey {
    return this.#parts.context.account.device.publicKey
  }
}
