// The public keys that people and devices are known by. Either is 32 bytes, and each a type of its own: neither plain
// bytes nor a key of the other kind can be taken for it.

import { equalBytes, toHex } from './bytes.js'
import type { KeyPair } from './signature.js'
import { KEY_BYTES } from './sizes.js'

declare const of: unique symbol
type PublicKey<Of extends string> = Uint8Array & { readonly [of]: Of }

/** A person is their account's key, wherever they are and whatever they are called. */
export type AccountKey = PublicKey<'account'>
/** One device of an account. The contract calls it the device's id. */
export type DeviceKey = PublicKey<'device'>
type Key = AccountKey | DeviceKey

/** Bytes from outside as a key of this kind. Throws RangeError for another length. */
export function accountKey(bytes: Uint8Array): AccountKey {
  if (bytes.length !== KEY_BYTES) throw new RangeError(`An account key has ${KEY_BYTES} bytes`)
  return bytes as AccountKey
}
export function deviceKey(bytes: Uint8Array): DeviceKey {
  if (bytes.length !== KEY_BYTES) throw new RangeError(`A device key has ${KEY_BYTES} bytes`)
  return bytes as DeviceKey
}

export type AccountKeys = KeyPair<AccountKey>
export type DeviceKeys = KeyPair<DeviceKey>
/** A key pair as one of this kind. Throws RangeError as for its public key. */
export const accountKeys = (pair: KeyPair): AccountKeys => ({
  ...pair,
  publicKey: accountKey(pair.publicKey),
})
export const deviceKeys = (pair: KeyPair): DeviceKeys => ({ ...pair, publicKey: deviceKey(pair.publicKey) })

/** Whether they are the same; an account's key and a device's cannot be compared. */
export const sameKey = <K extends Key>(one: K, other: NoInfer<K>): boolean => equalBytes(one, other)

export const includesKey = <K extends Key>(keys: readonly K[], key: NoInfer<K>): boolean =>
  keys.some(each => equalBytes(each, key))

/** A key in hexadecimal, to be looked up by: texts of keys of different kinds are of different types. */
export type KeyText<K extends Key> = string & { readonly [of]: K[typeof of] }

export const keyText = <K extends Key>(key: K): KeyText<K> => toHex(key) as KeyText<K>
