// How people are called: by the handle that is pinned to their key, else by what they claim, with a part of the key's
// fingerprint behind it.

import { toBase64 } from '../../protocol/bytes.js'
import { accountFingerprint } from '../../protocol/identity/fingerprint.js'
import type { AccountKey } from '../../protocol/keys.js'
import { crypto } from '../crypto.js'

/** Characters of the fingerprint, of 6 bits each. */
const SHOWN = 8
/** Between the handle and the fingerprint; no handle has one. */
const MARK = '~'
/** In the place of a handle that is not known. */
const NO_HANDLE = '?'

const shortFingerprint = (accountKey: AccountKey): string =>
  toBase64(accountFingerprint(crypto, accountKey)).slice(0, SHOWN)

/** A handle that is not known to be this account's. */
export const claimName = (handle: string | undefined, accountKey: AccountKey): string =>
  `${handle || NO_HANDLE}${MARK}${shortFingerprint(accountKey)}`

/** The handle in the name of a claim; undefined for a name that is none. */
export function claimedHandle(name: string): string | undefined {
  const [handle, ...rest] = name.split(MARK)
  return rest.length > 0 ? handle : undefined
}
