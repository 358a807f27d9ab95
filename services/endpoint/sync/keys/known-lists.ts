// Which of the lists of devices that the server shows are others than when this device last compared its groups with them.

import type { LookupOutcome } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { certifiedDevices, type DeviceIdentity } from '../../../protocol/identity/certificate.js'
import type { AccountKey } from '../../../protocol/keys.js'
import type { Context } from '../../context.js'
import { crypto } from '../../crypto.js'
import { at, type Reader, type Transaction } from '../../vault/records.js'

/** One account's devices as the server lists them. */
export interface ShownList {
  handle: string
  /** SHA-256 of the certificates. */
  digest: Uint8Array
  /** It is another list than before. */
  isNew: boolean
  /** The public keys of the accounts that they show. */
  accountKeys: readonly AccountKey[]
  /** Verified when they are asked for, since a list that was seen before needs no look. */
  devices(): readonly DeviceIdentity[]
}

const keyOf = (records: Reader, handle: string) => at(records.numberOf('member', handle))

/** The groups say whose device it is: here a certificate counts that is what it says, for this handle. */
export function listsIn(records: Reader, lookups: readonly LookupOutcome[]): ShownList[] {
  return lookups.flatMap(({ handle, outcome }) => {
    if (outcome.case !== 'devices') return []
    const certificates = outcome.value.deviceCertificates
    const digest = digestOf(certificates)
    const known = records.get('lists', keyOf(records, handle))
    const isNew = known === undefined || Buffer.compare(known.digest, digest) !== 0
    const devices = () => certifiedDevices(crypto, certificates).filter(device => device.handle === handle)
    const accountKeys = isNew ? devices().map(({ accountKey }) => accountKey) : known.accountKeys
    return [{ handle, digest, isNew, accountKeys, devices }]
  })
}

/** The groups were compared with it: from here on it is not new. */
export function saveList(tx: Transaction, { handle, digest, isNew, accountKeys }: ShownList): void {
  if (isNew) tx.put('lists', keyOf(tx, handle), { digest, accountKeys })
}

/** An account whose pinned key the server does not list any more has another one now, which is looked into (changed-keys.ts). */
export function noteChanges(
  { contacts }: Pick<Context, 'contacts'>,
  tx: Transaction,
  lists: readonly ShownList[],
): void {
  for (const { handle, accountKeys } of lists) {
    const isListed = accountKeys.some(accountKey => contacts.trust(handle, accountKey) !== 'other')
    const [first] = accountKeys
    if (first && !isListed) contacts.meet(tx, handle, first)
  }
}

function digestOf(certificates: readonly Uint8Array[]): Uint8Array {
  const digests = certificates.map(certificate => Buffer.from(crypto.sha256(certificate)))
  return crypto.sha256(Buffer.concat(digests.sort(Buffer.compare)))
}
