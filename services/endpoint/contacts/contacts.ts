// The people whom this endpoint has met: their account keys, pinned at first contact (TOFU) or checked
// against an invite link.

import { equalBytes } from '../../protocol/bytes.js'
import { accountFingerprint, formatFingerprint } from '../../protocol/identity/fingerprint.js'
import { type AccountKey, type DeviceKey, includesKey } from '../../protocol/keys.js'
import { crypto } from '../crypto.js'
import { type ContactNumber, isKey, NO_KEY, type NoKey } from '../ids.js'
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

type Contact = RecordOf<'contacts'>

type Trusted = 'pinned-now' | 'known' | 'changed'

/** An account key's standing with this endpoint: pinned, pinned and compared by a person, or not the pinned one. */
export type KeyTrust = 'pinned' | 'verified' | 'other'

const same = (known: AccountKey | NoKey, key: AccountKey) => equalBytes(known, key)

/** An invite link came after the first contact, and names another key than the one that was pinned then. */
const isUnexpected = (contact: Contact): contact is Contact & { accountKey: AccountKey } =>
  isKey(contact.accountKey) &&
  contact.expectedFingerprint.length > 0 &&
  !equalBytes(accountFingerprint(crypto, contact.accountKey), contact.expectedFingerprint)

/** The two fingerprints (SHA-256) of a change: what is pinned or expected, and what was seen. undefined: nothing changed. */
export function changeOf(contact: Contact): { pinned: Uint8Array; seen: Uint8Array } | undefined {
  const { accountKey, changedAccountKey, expectedFingerprint } = contact
  if (isKey(changedAccountKey)) {
    const pinned = isKey(accountKey) ? accountFingerprint(crypto, accountKey) : expectedFingerprint
    return { pinned, seen: accountFingerprint(crypto, changedAccountKey) }
  }
  if (!isUnexpected(contact)) return undefined
  return { pinned: expectedFingerprint, seen: accountFingerprint(crypto, contact.accountKey) }
}

const isVerified = (contact: Contact | undefined): boolean =>
  contact !== undefined &&
  isKey(contact.accountKey) &&
  same(contact.verifiedAccountKey, contact.accountKey) &&
  changeOf(contact) === undefined

type ContactChange = Partial<Omit<Contact, '$typeName' | 'handle'>>

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class Contacts {
  constructor(
    private readonly reader: Reader,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  get(handle: string): Contact | undefined {
    const number = this.#numberOf(handle)
    return number === undefined ? undefined : this.reader.get('contacts', at(number))
  }

  all(): Contact[] {
    return this.reader.list('contacts').map(({ record }) => record)
  }

  /** Those of whom a changed key was seen that nobody has decided on. */
  changed(): Contact[] {
    return this.reader
      .linked('contacts', 'changed')
      .flatMap(number => this.reader.get('contacts', at(number)) ?? [])
  }

  /** An invite link names the account key that this handle must have. */
  expect(tx: Transaction, handle: string, fingerprint: Uint8Array): void {
    this.#change(tx, handle, () => ({ expectedFingerprint: fingerprint }))
  }

  /** Checks an account key that a verified certificate shows; pins it at first contact. */
  meet(tx: Transaction, handle: string, accountKey: AccountKey): Trusted {
    const { accountKey: pinnedKey = NO_KEY, expectedFingerprint = NO_KEY } = this.get(handle) ?? {}
    if (same(pinnedKey, accountKey)) return 'known'
    const seen = accountFingerprint(crypto, accountKey)
    const pinned = isKey(pinnedKey) ? accountFingerprint(crypto, pinnedKey) : expectedFingerprint
    if (pinned.length > 0 && !equalBytes(pinned, seen)) {
      this.#change(tx, handle, () => ({ changedAccountKey: accountKey }))
      return 'changed'
    }
    this.#change(tx, handle, () => ({ accountKey }))
    tx.tell({ type: 'contact-pinned', handle, fingerprint: formatFingerprint(seen) })
    return 'pinned-now'
  }

  heard(tx: Transaction, handle: string, time: number): void {
    const known = this.get(handle)
    if (!known || known.lastHeardMs >= BigInt(time)) return
    this.#change(tx, handle, () => ({ lastHeardMs: BigInt(time) }))
  }

  /** A device of theirs was revoked: it is not added anywhere again. */
  noteRevoked(tx: Transaction, handle: string, deviceId: DeviceKey): void {
    if (includesKey(this.get(handle)?.revokedDeviceIds ?? [], deviceId)) return
    this.#change(tx, handle, ({ revokedDeviceIds }) => ({
      revokedDeviceIds: [...revokedDeviceIds, deviceId],
    }))
  }

  /** Nothing is sent to this handle: its key has changed and nobody has accepted that, or it is blocked. */
  isStopped(handle: string): boolean {
    const contact = this.get(handle)
    return contact !== undefined && (contact.blocked || changeOf(contact) !== undefined)
  }

  /** Another key than the pinned one, or than an invite link names, was seen and is not accepted. */
  hasChanged(handle: string): boolean {
    const contact = this.get(handle)
    return contact !== undefined && changeOf(contact) !== undefined
  }

  /** A person wants to hear nothing of them. */
  isBlocked(handle: string): boolean {
    return this.get(handle)?.blocked === true
  }

  block(tx: Transaction, handle: string, blocked: boolean): void {
    this.#change(tx, handle, () => ({ blocked }))
  }

  /** A person has compared the safety number of the pinned key. */
  isVerified(handle: string): boolean {
    return isVerified(this.get(handle))
  }

  /** Marks the pinned key. */
  verify(tx: Transaction, handle: string): void {
    this.#change(tx, handle, ({ accountKey }) => ({ verifiedAccountKey: accountKey }))
  }

  /** Pins the key that was seen last instead of the one that was pinned. The new one is not verified. */
  accept(tx: Transaction, handle: string): void {
    this.#change(tx, handle, contact => {
      const { changedAccountKey, accountKey } = contact
      const accepted = {
        accountKey: isKey(changedAccountKey) ? changedAccountKey : accountKey,
        changedAccountKey: NO_KEY,
        verifiedAccountKey: NO_KEY,
      }
      // The link's key is what a person now decides against, if it is another one.
      return isUnexpected({ ...contact, ...accepted })
        ? { ...accepted, expectedFingerprint: NO_KEY }
        : accepted
    })
  }

  /** The changed key is not theirs: forgets it. */
  dismiss(tx: Transaction, handle: string): void {
    this.#change(tx, handle, () => ({ changedAccountKey: NO_KEY }))
  }

  /** 'pinned' also for somebody who was never met: there is no other key. */
  trust(handle: string, accountKey: AccountKey): KeyTrust {
    const contact = this.get(handle)
    const pinned = contact?.accountKey ?? NO_KEY
    if (!isKey(pinned)) return contact?.changedAccountKey.length ? 'other' : 'pinned'
    if (!same(pinned, accountKey)) return 'other'
    return isVerified(contact) ? 'verified' : 'pinned'
  }

  #numberOf(handle: string): ContactNumber | undefined {
    return this.reader.linked('contact', handle, 1)[0]
  }

  /** From here on also of somebody who was not known. */
  #change(tx: Transaction, handle: string, change: (contact: Contact) => ContactChange): void {
    inUnit(this.reader, tx)
    const known = this.#numberOf(handle)
    const number = known ?? nextId(tx, 'contacts')
    const before = this.get(handle) ?? recordOf('contacts', { handle, firstSeenMs: BigInt(this.clock.now()) })
    const contact = tx.put('contacts', at(number), { ...before, ...change(before) })
    if (known === undefined) tx.link('contact', handle, number)
    const isChanged = changeOf(contact) !== undefined
    if (isChanged === (changeOf(before) !== undefined)) return
    if (isChanged) tx.link('contacts', 'changed', number)
    else tx.unlink('contacts', 'changed', number)
  }
}
