// Which of the lists of devices that the server shows are others than when this device last compared its groups with them.

import type { LookupOutcome } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { certifiedDevices, type DeviceIdentity } from '../../../protocol/identity/certificate.js'
import { type AccountKey, includesKey, keyText } from '../../../protocol/keys.js'
import type { Context } from '../../context.js'
import { crypto } from '../../crypto.js'
import { isKey, NO_KEY } from '../../ids.js'
import { at, type Reader, type Transaction } from '../../vault/records.js'
import { meetListed } from './pins.js'

/** One account's devices as the server lists them. */
export interface ShownList {
  handle: string
  /** SHA-256 of the certificates. */
  digest: Uint8Array
  /** It is another list than before. */
  isNew: boolean
  /** The accounts that they show, each once. */
  accountKeys: readonly AccountKey[]
  /** Verified when they are asked for, since a list that was seen before needs no look. */
  devices(): readonly DeviceIdentity[]
}

const keyOf = (records: Reader, handle: string) => at(records.numberOf('list', handle))

/** The groups say whose device it is: here a certificate counts that is what it says, for this handle. */
export function listsIn(records: Reader, lookups: readonly LookupOutcome[]): ShownList[] {
  return lookups.flatMap(({ handle, outcome }) => {
    if (outcome.case !== 'devices') return []
    const certificates = outcome.value.deviceCertificates
    const digest = digestOf(certificates)
    const known = records.get('lists', keyOf(records, handle))
    const isNew = known === undefined || Buffer.compare(known.digest, digest) !== 0
    const devices = () => certifiedDevices(crypto, certificates).filter(device => device.handle === handle)
    const accountKeys = isNew ? accountsOf(devices()) : known.accountKeys
    return [{ handle, digest, isNew, accountKeys, devices }]
  })
}

/** The groups were compared with it: from here on it is not new. */
export function saveList(tx: Transaction, { handle, digest, isNew, accountKeys }: ShownList): void {
  if (isNew) tx.put('lists', keyOf(tx, handle), { digest, accountKeys })
}

const accountsOf = (devices: readonly DeviceIdentity[]): readonly AccountKey[] => [
  ...new Map(devices.map(({ accountKey }) => [keyText(accountKey), accountKey])).values(),
]

/**
 * The directory says whose these handles are: pins those that are pinned to nobody yet. One whose pinned account the server does not list
 * any more has another one now, which is looked into (changed-keys.ts).
 */
export function noteListed(
  context: Context,
  tx: Transaction,
  lists: readonly Pick<ShownList, 'handle' | 'accountKeys'>[],
): void {
  for (const { handle, accountKeys } of lists) {
    const pinned = context.contacts.handles.pinned(handle)
    const [accountKey] = accountKeys
    if (!accountKey || handle === context.account.handle) continue
    // A server that names several accounts has not said whose the handle is.
    const isKnown = pinned ? includesKey(accountKeys, pinned) : accountKeys.length > 1
    if (!isKnown) meetListed(context, tx, { handle, accountKey })
    else if (pinned) dismissUnlisted(context, tx, handle, accountKeys)
  }
}

/** The server stands by the pinned account again, and by no other one that it showed: nothing has changed. */
function dismissUnlisted(
  { contacts }: Pick<Context, 'contacts'>,
  tx: Transaction,
  handle: string,
  listed: readonly AccountKey[],
): void {
  const seen = contacts.handles.get(handle)?.seenAccountKey ?? NO_KEY
  if (!isKey(seen) || includesKey(listed, seen)) return
  contacts.handles.dismiss(tx, handle)
  tx.tell({ type: 'notice', level: 'warning', notice: { code: 'impostor', handle } })
}

function digestOf(certificates: readonly Uint8Array[]): Uint8Array {
  const digests = certificates.map(certificate => Buffer.from(crypto.sha256(certificate)))
  return crypto.sha256(Buffer.concat(digests.sort(Buffer.compare)))
}
