// The people whom this endpoint has met: their account keys, pinned at first contact (TOFU) or checked
// against an invite link.

import { create } from '@bufbuild/protobuf'
import { type Contact, ContactSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import { accountFingerprint, formatFingerprint } from '../../protocol/identity/fingerprint.js'
import { crypto } from '../crypto.js'
import type { Clock } from '../ports.js'
import { at, type Batch, type Reader } from '../vault/records.js'

export type Trusted = 'pinned-now' | 'known' | 'changed'

/** What an account key is to this endpoint: the one that is pinned, that and compared by a person, or not the pinned one. */
export type KeyTrust = 'pinned' | 'verified' | 'other'

export interface Contacts {
  get(handle: string): Contact | undefined
  all(): Contact[]
  /** An invite link names the account key that this handle must have. */
  expect(batch: Batch, handle: string, fingerprint: Uint8Array): void
  /** Checks an account key that a verified certificate shows; pins it at first contact. */
  meet(batch: Batch, handle: string, accountKey: Uint8Array): Trusted
  heard(batch: Batch, handle: string, at: number): void
  /** A device of theirs was revoked: it is not added anywhere again. */
  noteRevoked(batch: Batch, handle: string, deviceId: Uint8Array): void
  /** Nothing is sent to this handle: its key has changed and nobody has accepted that, or it is blocked. */
  isStopped(handle: string): boolean
  /** Another key than the pinned one, or than an invite link names, was seen and is not accepted. */
  hasChanged(handle: string): boolean
  /** A person wants to hear nothing of them. */
  isBlocked(handle: string): boolean
  block(batch: Batch, handle: string, blocked: boolean): void
  /** A person has compared the safety number of the pinned key. */
  isVerified(handle: string): boolean
  /** Marks the pinned key. */
  verify(batch: Batch, handle: string): void
  /** Pins the key that was seen last instead of the one that was pinned. The new one is not verified. */
  accept(batch: Batch, handle: string): void
  /** The changed key is not theirs: forgets it. */
  dismiss(batch: Batch, handle: string): void
  /** 'pinned' also for somebody who was never met: there is no other key. */
  trust(handle: string, accountKey: Uint8Array): KeyTrust
  reload(): void
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

/** An invite link came after the first contact, and names another key than the one that was pinned then. */
const isUnexpected = ({ accountKey, expectedFingerprint }: Contact) =>
  accountKey.length > 0 &&
  expectedFingerprint.length > 0 &&
  !same(accountFingerprint(crypto, accountKey), expectedFingerprint)

/** The two fingerprints (SHA-256) of a change: what is pinned or expected, and what was seen. undefined: nothing changed. */
export function changeOf(contact: Contact): { pinned: Uint8Array; seen: Uint8Array } | undefined {
  const { accountKey, changedAccountKey, expectedFingerprint } = contact
  if (changedAccountKey.length > 0) {
    const pinned = accountKey.length > 0 ? accountFingerprint(crypto, accountKey) : expectedFingerprint
    return { pinned, seen: accountFingerprint(crypto, changedAccountKey) }
  }
  if (!isUnexpected(contact)) return undefined
  return { pinned: expectedFingerprint, seen: accountFingerprint(crypto, accountKey) }
}

const isVerified = (contact: Contact | undefined): boolean =>
  contact !== undefined &&
  contact.accountKey.length > 0 &&
  same(contact.verifiedAccountKey, contact.accountKey) &&
  changeOf(contact) === undefined

export function openContacts(records: Reader, clock: Pick<Clock, 'now'>): Contacts {
  const byHandle = new Map<string, { number: bigint; contact: Contact }>()
  const reload = () => {
    byHandle.clear()
    for (const { key, record } of records.list('contacts'))
      byHandle.set(record.handle, { number: key.id, contact: record })
  }
  reload()

  const entry = (handle: string) => {
    const known = byHandle.get(handle)
    if (known) return known
    const number = [...byHandle.values()].reduce((top, { number }) => (number > top ? number : top), 0n) + 1n
    const made = { number, contact: create(ContactSchema, { handle, firstSeenMs: BigInt(clock.now()) }) }
    byHandle.set(handle, made)
    return made
  }
  const save = (batch: Batch, { number, contact }: { number: bigint; contact: Contact }) =>
    batch.put('contacts', at(number), contact)

  const changed = (handle: string) => {
    const contact = byHandle.get(handle)?.contact
    return contact !== undefined && changeOf(contact) !== undefined
  }
  return {
    get: handle => byHandle.get(handle)?.contact,
    all: () => [...byHandle.values()].map(({ contact }) => contact),
    expect(batch, handle, fingerprint) {
      const known = entry(handle)
      const { contact } = known
      contact.expectedFingerprint = fingerprint
      save(batch, known)
    },
    meet(batch, handle, accountKey) {
      const known = entry(handle)
      const { contact } = known
      if (contact.accountKey.length > 0 && same(contact.accountKey, accountKey)) return 'known'
      const seen = accountFingerprint(crypto, accountKey)
      const pinned =
        contact.accountKey.length > 0
          ? accountFingerprint(crypto, contact.accountKey)
          : contact.expectedFingerprint
      if (pinned.length > 0 && !same(pinned, seen)) {
        contact.changedAccountKey = accountKey
        save(batch, known)
        return 'changed'
      }
      contact.accountKey = accountKey
      save(batch, known)
      batch.tell({ type: 'contact-pinned', handle, fingerprint: formatFingerprint(seen) })
      return 'pinned-now'
    },
    heard(batch, handle, time) {
      const known = byHandle.get(handle)
      if (!known || known.contact.lastHeardMs >= BigInt(time)) return
      known.contact.lastHeardMs = BigInt(time)
      save(batch, known)
    },
    noteRevoked(batch, handle, deviceId) {
      const known = entry(handle)
      if (known.contact.revokedDeviceIds.some(device => same(device, deviceId))) return
      known.contact.revokedDeviceIds.push(deviceId)
      save(batch, known)
    },
    isStopped: handle => changed(handle) || byHandle.get(handle)?.contact.blocked === true,
    hasChanged: changed,
    isBlocked: handle => byHandle.get(handle)?.contact.blocked === true,
    block(batch, handle, blocked) {
      const known = entry(handle)
      known.contact.blocked = blocked
      save(batch, known)
    },
    isVerified: handle => isVerified(byHandle.get(handle)?.contact),
    verify(batch, handle) {
      const known = entry(handle)
      known.contact.verifiedAccountKey = known.contact.accountKey
      save(batch, known)
    },
    accept(batch, handle) {
      const known = entry(handle)
      const { contact } = known
      if (contact.changedAccountKey.length > 0) contact.accountKey = contact.changedAccountKey
      contact.changedAccountKey = new Uint8Array()
      contact.verifiedAccountKey = new Uint8Array()
      // The link's key is what a person now decides against, if it is another one.
      if (isUnexpected(contact)) contact.expectedFingerprint = new Uint8Array()
      save(batch, known)
    },
    dismiss(batch, handle) {
      const known = entry(handle)
      known.contact.changedAccountKey = new Uint8Array()
      save(batch, known)
    },
    trust(handle, accountKey) {
      const contact = byHandle.get(handle)?.contact
      const pinned = contact?.accountKey ?? new Uint8Array()
      if (pinned.length === 0) return contact?.changedAccountKey.length ? 'other' : 'pinned'
      if (!same(pinned, accountKey)) return 'other'
      return isVerified(contact) ? 'verified' : 'pinned'
    },
    reload,
  }
}
