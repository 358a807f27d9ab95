// The people whom this endpoint has met. A person is their account's key; the handle beside it is a claim, and their
// name only where it is pinned to that key (handles.ts).

import { equalBytes } from '../../protocol/bytes.js'
import { accountFingerprint, formatFingerprint } from '../../protocol/identity/fingerprint.js'
import { type AccountKey, sameKey } from '../../protocol/keys.js'
import { DAY_MS } from '../../protocol/time.js'
import { type WithNames, withNames } from '../codes/with-names.js'
import { crypto } from '../crypto.js'
import type { ContactNumber } from '../ids.js'
import type { Clock } from '../ports.js'
import {
  at,
  inUnit,
  nextId,
  type Reader,
  type RecordOf,
  recordOf,
  type Transaction,
} from '../vault/records.js'
import { loadAccount } from './account.js'
import { Handles, type Trusted } from './handles.js'
import { claimedHandle, claimName } from './names.js'

/** Requests of one account that are taken in a day. */
const ASKS_A_DAY = 2

type Contact = RecordOf<'contacts'> & { readonly accountKey: AccountKey }

/** An account as its device list says. */
export interface Claim {
  handle: string
  accountKey: AccountKey
}

/**
 * An account's standing with this endpoint: its handle is pinned to it; that, and a person has compared the key; or it
 * only claims its handle.
 */
export type KeyTrust = 'pinned' | 'verified' | 'other'

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class Contacts {
  readonly handles: Handles

  constructor(
    private readonly reader: Reader,
    private readonly clock: Pick<Clock, 'now'>,
  ) {
    this.handles = new Handles(reader)
  }

  get(accountKey: AccountKey): Contact | undefined {
    const number = this.#numberOf(accountKey)
    return number === undefined ? undefined : (this.reader.get('contacts', at(number)) as Contact)
  }

  all(): Contact[] {
    return this.reader.list('contacts').map(({ record }) => record as Contact)
  }

  /** A device list of this account has come, which claims this handle. */
  see(tx: Transaction, { handle, accountKey }: Claim): void {
    if (this.#isOwn(accountKey)) return
    const known = this.get(accountKey)?.handle
    if (known === handle || (known !== undefined && this.handles.isPinned(known, accountKey))) return
    this.#change(tx, accountKey, { handle })
  }

  /**
   * The server's directory says that the handle is this account's; it is pinned to it at first contact. An account that has
   * a name already gets no second one: what a person knows of it, its mark too, would be taken for somebody else's.
   */
  meet(tx: Transaction, { handle, accountKey }: Claim): Trusted {
    const named = this.get(accountKey)?.handle
    if (named !== undefined && named !== handle && this.handles.isPinned(named, accountKey)) return 'changed'
    const trusted = this.handles.list(tx, handle, accountKey)
    if (trusted !== 'pinned-now') return trusted
    this.#named(tx, { handle, accountKey })
    const fingerprint = formatFingerprint(accountFingerprint(crypto, accountKey))
    tx.tell({ type: 'contact-pinned', handle, fingerprint })
    return trusted
  }

  /** The key that was seen last is taken for the handle's. The new one is not verified. */
  accept(tx: Transaction, handle: string): void {
    const former = this.handles.pinned(handle)
    const isFormerBlocked = former !== undefined && this.isBlocked(former)
    this.handles.accept(tx, handle)
    const accountKey = this.handles.pinned(handle)
    if (!accountKey) return
    this.#named(tx, { handle, accountKey })
    // A mark that the key has is of another name.
    this.#change(tx, accountKey, { verified: false })
    if (isFormerBlocked) this.block(tx, accountKey, true)
  }

  /** `time`: as the server says. It is never later than now, or nothing that is true could follow it. */
  heard(tx: Transaction, accountKey: AccountKey, time: number): void {
    const known = this.get(accountKey)
    const lastHeardMs = BigInt(Math.min(time, this.clock.now()))
    if (!known || known.lastHeardMs >= lastHeardMs) return
    this.#change(tx, accountKey, { lastHeardMs })
  }

  /** Nothing is sent to them: their handle shows another key and nobody has accepted that, or they are blocked. */
  isStopped(accountKey: AccountKey): boolean {
    return this.isBlocked(accountKey) || this.hasChanged(accountKey)
  }

  /** Another key goes by their handle, and is not accepted. */
  hasChanged(accountKey: AccountKey): boolean {
    const { handle } = this.get(accountKey) ?? {}
    return (
      handle !== undefined && this.handles.isPinned(handle, accountKey) && this.handles.hasChanged(handle)
    )
  }

  /** A person has let them in, or has written to them first. */
  isAdmitted(accountKey: AccountKey): boolean {
    return this.#isOwn(accountKey) || this.get(accountKey)?.admitted === true
  }

  /** Lets them in. `isToTell`: this account's other devices do not know it yet. */
  admit(tx: Transaction, accountKey: AccountKey, isToTell = true): void {
    if (this.isAdmitted(accountKey)) return
    this.#change(tx, accountKey, { admitted: true, admittedDue: isToTell })
    const number = this.#numberOf(accountKey)
    if (isToTell && number !== undefined) tx.link('contacts', 'admitted-due', number)
  }

  /** Those whom this account's other devices are to be told of, once. */
  takeAdmittedDue(tx: Transaction): Contact[] {
    return tx.linked('contacts', 'admitted-due').flatMap(number => {
      tx.unlink('contacts', 'admitted-due', number)
      const contact = tx.get('contacts', at(number)) as Contact | undefined
      if (!contact?.admittedDue) return []
      this.#change(tx, contact.accountKey, { admittedDue: false })
      return [contact]
    })
  }

  /** They ask to be let in. False: too often lately. */
  ask(tx: Transaction, accountKey: AccountKey): boolean {
    const now = BigInt(this.clock.now())
    const lately = (this.get(accountKey)?.askedMs ?? []).filter(time => now - time < BigInt(DAY_MS))
    if (lately.length >= ASKS_A_DAY) return false
    this.#change(tx, accountKey, { askedMs: [...lately, now] })
    return true
  }

  /** They know a list of this account that this device does not, of this name. False: that was noted before. */
  noteOtherList(tx: Transaction, accountKey: AccountKey, otherList: Uint8Array): boolean {
    const before = this.get(accountKey)?.otherList
    if (before && equalBytes(before, otherList)) return false
    this.#change(tx, accountKey, { otherList })
    return true
  }

  /** A person wants to hear nothing of them. */
  isBlocked(accountKey: AccountKey): boolean {
    return this.get(accountKey)?.blocked === true
  }

  block(tx: Transaction, accountKey: AccountKey, blocked: boolean): void {
    // How often they have asked before is no reason any more not to hear them.
    this.#change(tx, accountKey, blocked ? { blocked } : { blocked, askedMs: [] })
  }

  /** A person has compared the safety number of this key. */
  isVerified(accountKey: AccountKey): boolean {
    return this.get(accountKey)?.verified === true && !this.hasChanged(accountKey)
  }

  verify(tx: Transaction, accountKey: AccountKey): void {
    this.#change(tx, accountKey, { verified: true })
  }

  trust(accountKey: AccountKey): KeyTrust {
    if (this.isClaim(accountKey)) return 'other'
    return this.isVerified(accountKey) ? 'verified' : 'pinned'
  }

  /** How this person is shown. `claimed`: a handle for somebody who was never met. */
  nameOf(accountKey: AccountKey, claimed?: string): string {
    const own = loadAccount(this.reader)
    if (own && sameKey(own.account.publicKey, accountKey)) return own.handle
    const handle = this.get(accountKey)?.handle || claimed
    return handle && this.handles.isPinned(handle, accountKey) ? handle : claimName(handle, accountKey)
  }

  /** The same, with people's names in the places of their keys. */
  named = <T extends object>(said: T): WithNames<T> => withNames(said, key => this.nameOf(key))

  /** Their handle is not pinned to them: it may be somebody else's. */
  isClaim(accountKey: AccountKey): boolean {
    if (this.#isOwn(accountKey)) return false
    const { handle } = this.get(accountKey) ?? {}
    return handle === undefined || !this.handles.isPinned(handle, accountKey)
  }

  /** The account that is shown by this name; undefined for none, or for several. */
  find(name: string): AccountKey | undefined {
    const handle = claimedHandle(name)
    if (handle === undefined) {
      const own = loadAccount(this.reader)
      return own?.handle === name ? own.account.publicKey : this.handles.pinned(name)
    }
    const found = this.claiming(handle).filter(({ accountKey }) => claimName(handle, accountKey) === name)
    return found.length === 1 ? found[0]!.accountKey : undefined
  }

  /** Those who claim this handle, whoever it is pinned to. */
  claiming(handle: string): Contact[] {
    return this.reader
      .linked('claims', handle)
      .flatMap(number => (this.reader.get('contacts', at(number)) as Contact | undefined) ?? [])
  }

  #isOwn(accountKey: AccountKey): boolean {
    const own = loadAccount(this.reader)
    return own !== undefined && sameKey(own.account.publicKey, accountKey)
  }

  #numberOf(accountKey: AccountKey): ContactNumber | undefined {
    return this.reader.linked('contact', accountKey, 1)[0]
  }

  /** The handle is this account's name from here on. */
  #named(tx: Transaction, { handle, accountKey }: Claim): void {
    const blocked = this.handles.get(handle)?.blocked === true
    this.#change(tx, accountKey, { handle, ...(blocked ? { blocked } : {}) })
    if (blocked) this.handles.block(tx, handle, false)
  }

  /** From here on also of somebody who was not known. */
  #change(
    tx: Transaction,
    accountKey: AccountKey,
    change: Partial<Omit<Contact, '$typeName' | 'accountKey'>>,
  ): void {
    inUnit(this.reader, tx)
    const known = this.#numberOf(accountKey)
    const number = known ?? nextId(tx, 'contacts')
    const before =
      this.get(accountKey) ?? recordOf('contacts', { accountKey, firstSeenMs: BigInt(this.clock.now()) })
    const { handle } = tx.put('contacts', at(number), { ...before, ...change })
    if (known === undefined) tx.link('contact', accountKey, number)
    if (handle === before.handle) return
    if (before.handle) tx.unlink('claims', before.handle, number)
    tx.link('claims', handle, number)
  }
}
