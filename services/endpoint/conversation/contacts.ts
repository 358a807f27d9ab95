// The people whom this endpoint has met: their account keys, pinned at first contact (TOFU) or checked
// against an invite link.

import { create } from '@bufbuild/protobuf'
import { type Contact, ContactSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import { accountFingerprint, formatFingerprint } from '../identity/fingerprint.js'
import { at, type Batch, type Records } from '../records.js'

export type Trusted = 'pinned-now' | 'known' | 'changed'

export interface Contacts {
  get(handle: string): Contact | undefined
  all(): Contact[]
  /** An invite link names the account key that this handle must have. */
  expect(batch: Batch, handle: string, fingerprint: Uint8Array): void
  /** Checks an account key that a verified certificate shows; pins it at first contact. */
  meet(batch: Batch, handle: string, accountKey: Uint8Array): Trusted
  heard(batch: Batch, handle: string, at: number): void
  /** Sending to this handle waits until a person accepts its new key. */
  isBlocked(handle: string): boolean
  reload(): void
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

/** An invite link came after the first contact, and names another key than the one that was pinned then. */
const isUnexpected = ({ accountKey, expectedFingerprint }: Contact) =>
  accountKey.length > 0 &&
  expectedFingerprint.length > 0 &&
  !same(accountFingerprint(accountKey), expectedFingerprint)

function tellChanged(batch: Batch, handle: string, pinned: Uint8Array, seen: Uint8Array): void {
  batch.tell({
    type: 'key-changed',
    handle,
    pinned: formatFingerprint(pinned),
    seen: formatFingerprint(seen),
  })
}

export function openContacts(records: Records): Contacts {
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
    const made = { number, contact: create(ContactSchema, { handle, firstSeenMs: BigInt(Date.now()) }) }
    byHandle.set(handle, made)
    return made
  }
  const save = (batch: Batch, { number, contact }: { number: bigint; contact: Contact }) =>
    batch.put('contacts', at(number), contact)

  return {
    get: handle => byHandle.get(handle)?.contact,
    all: () => [...byHandle.values()].map(({ contact }) => contact),
    expect(batch, handle, fingerprint) {
      const known = entry(handle)
      const { contact } = known
      contact.expectedFingerprint = fingerprint
      save(batch, known)
      if (contact.accountKey.length === 0 || !isUnexpected(contact)) return
      tellChanged(batch, handle, fingerprint, accountFingerprint(contact.accountKey))
    },
    meet(batch, handle, accountKey) {
      const known = entry(handle)
      const { contact } = known
      if (contact.accountKey.length > 0 && same(contact.accountKey, accountKey)) return 'known'
      const seen = accountFingerprint(accountKey)
      const pinned =
        contact.accountKey.length > 0 ? accountFingerprint(contact.accountKey) : contact.expectedFingerprint
      if (pinned.length > 0 && !same(pinned, seen)) {
        const told = same(contact.changedAccountKey, accountKey)
        contact.changedAccountKey = accountKey
        save(batch, known)
        if (!told) tellChanged(batch, handle, pinned, seen)
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
    isBlocked(handle) {
      const contact = byHandle.get(handle)?.contact
      return contact !== undefined && (contact.changedAccountKey.length > 0 || isUnexpected(contact))
    },
    reload,
  }
}
