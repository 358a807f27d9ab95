// Handles, and whose they are: a handle is a label, which the server's directory gives to an account. The account that
// it gave it to at first contact is pinned (TOFU), or checked against an invite link.

import { equalBytes } from '../../protocol/bytes.js'
import { accountFingerprint } from '../../protocol/identity/fingerprint.js'
import type { AccountKey } from '../../protocol/keys.js'
import { crypto } from '../crypto.js'
import { type HandleNumber, isKey, NO_KEY, type NoKey } from '../ids.js'
import {
  at,
  inUnit,
  nextId,
  type Reader,
  type RecordOf,
  recordOf,
  type Transaction,
} from '../vault/records.js'

type HandleRecord = RecordOf<'handles'>

export type Trusted = 'pinned-now' | 'known' | 'changed'

const same = (known: AccountKey | NoKey, key: AccountKey) => equalBytes(known, key)

/** An invite link came after the first contact, and names another key than the one that was pinned then. */
const isUnexpected = ({
  pinnedAccountKey,
  expectedFingerprint,
}: Pick<HandleRecord, 'pinnedAccountKey' | 'expectedFingerprint'>): boolean =>
  isKey(pinnedAccountKey) &&
  expectedFingerprint.length > 0 &&
  !equalBytes(accountFingerprint(crypto, pinnedAccountKey), expectedFingerprint)

/** The two fingerprints (SHA-256) of a change: what is pinned or expected, and what was seen. undefined: nothing changed. */
export function changeOf(record: HandleRecord): { pinned: Uint8Array; seen: Uint8Array } | undefined {
  const { pinnedAccountKey, seenAccountKey, expectedFingerprint } = record
  if (isKey(seenAccountKey)) {
    const pinned = isKey(pinnedAccountKey)
      ? accountFingerprint(crypto, pinnedAccountKey)
      : expectedFingerprint
    return { pinned, seen: accountFingerprint(crypto, seenAccountKey) }
  }
  if (!isKey(pinnedAccountKey) || !isUnexpected(record)) return undefined
  return { pinned: expectedFingerprint, seen: accountFingerprint(crypto, pinnedAccountKey) }
}

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class Handles {
  constructor(private readonly reader: Reader) {}

  get(handle: string): HandleRecord | undefined {
    const number = this.#numberOf(handle)
    return number === undefined ? undefined : this.reader.get('handles', at(number))
  }

  /** The account that the handle is a name of. */
  pinned(handle: string): AccountKey | undefined {
    const key = this.get(handle)?.pinnedAccountKey ?? NO_KEY
    return isKey(key) ? key : undefined
  }

  isPinned(handle: string, accountKey: AccountKey): boolean {
    return same(this.get(handle)?.pinnedAccountKey ?? NO_KEY, accountKey)
  }

  /** Those of which a changed key was seen that nobody has decided on. */
  changed(): HandleRecord[] {
    return this.reader
      .linked('handles', 'changed')
      .flatMap(number => this.reader.get('handles', at(number)) ?? [])
  }

  /** Another key than the pinned one, or than an invite link names, was seen and is not accepted. */
  hasChanged(handle: string): boolean {
    const record = this.get(handle)
    return record !== undefined && changeOf(record) !== undefined
  }

  /** An invite link names the account key that this handle must have. */
  expect(tx: Transaction, handle: string, fingerprint: Uint8Array): void {
    this.#change(tx, handle, () => ({ expectedFingerprint: fingerprint }))
  }

  /** The directory says that the handle is this account's: pins it at first contact. */
  list(tx: Transaction, handle: string, accountKey: AccountKey): Trusted {
    const { pinnedAccountKey = NO_KEY, expectedFingerprint = NO_KEY } = this.get(handle) ?? {}
    if (same(pinnedAccountKey, accountKey)) return 'known'
    const seen = accountFingerprint(crypto, accountKey)
    const pinned = isKey(pinnedAccountKey)
      ? accountFingerprint(crypto, pinnedAccountKey)
      : expectedFingerprint
    if (pinned.length > 0 && !equalBytes(pinned, seen)) {
      this.#change(tx, handle, () => ({ seenAccountKey: accountKey }))
      return 'changed'
    }
    this.#change(tx, handle, () => ({ pinnedAccountKey: accountKey }))
    return 'pinned-now'
  }

  /** Pins the key that was seen last instead of the one that was pinned. */
  accept(tx: Transaction, handle: string): void {
    this.#change(tx, handle, record => {
      const { seenAccountKey, pinnedAccountKey } = record
      const accepted = {
        pinnedAccountKey: isKey(seenAccountKey) ? seenAccountKey : pinnedAccountKey,
        seenAccountKey: NO_KEY,
      }
      // The link's key is what a person now decides against, if it is another one.
      return isUnexpected({ ...record, ...accepted })
        ? { ...accepted, expectedFingerprint: NO_KEY }
        : accepted
    })
  }

  /** The changed key is not theirs: forgets it. */
  dismiss(tx: Transaction, handle: string): void {
    this.#change(tx, handle, () => ({ seenAccountKey: NO_KEY }))
  }

  /** The account that it will be pinned to is blocked. */
  block(tx: Transaction, handle: string, blocked: boolean): void {
    this.#change(tx, handle, () => ({ blocked }))
  }

  #numberOf(handle: string): HandleNumber | undefined {
    return this.reader.linked('handle', handle, 1)[0]
  }

  /** From here on also of one that was not known. */
  #change(
    tx: Transaction,
    handle: string,
    change: (record: HandleRecord) => Partial<Omit<HandleRecord, '$typeName' | 'handle'>>,
  ): void {
    inUnit(this.reader, tx)
    const known = this.#numberOf(handle)
    const number = known ?? nextId(tx, 'handles')
    const before = this.get(handle) ?? recordOf('handles', { handle })
    const record = tx.put('handles', at(number), { ...before, ...change(before) })
    if (known === undefined) tx.link('handle', handle, number)
    const isChanged = changeOf(record) !== undefined
    if (isChanged === (changeOf(before) !== undefined)) return
    if (isChanged) tx.link('handles', 'changed', number)
    else tx.unlink('handles', 'changed', number)
  }
}
