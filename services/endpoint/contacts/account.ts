// The account and the device of this endpoint, made at its first start and kept in its vault. The account's private key is
// there only while it has something to sign: a list that names this device, and its certificate.

import { makeCertificate, NO_SERVER } from '../../protocol/identity/certificate.js'
import { checkHandle } from '../../protocol/identity/statement.js'
import {
  type AccountKey,
  type AccountKeys,
  accountKeys,
  type DeviceKeys,
  deviceKeys,
} from '../../protocol/keys.js'
import { generateKeyPair, keyPairOf } from '../../protocol/signature.js'
import { crypto } from '../crypto.js'
import type { Reader, RecordOf, Transaction } from '../vault/records.js'
import { at, recordOf } from '../vault/records.js'

export interface OwnAccount {
  handle: string
  account: { readonly publicKey: AccountKey }
  device: DeviceKeys
  /** An encoded SignedDeviceCertificate. */
  certificate: Uint8Array
}

/** An account whose private key is at hand. */
export interface NewAccount extends OwnAccount {
  account: AccountKeys
}

const ONLY = at(0n)

/** The account in this vault; undefined in a new one. */
export function loadAccount(records: Reader): OwnAccount | undefined {
  const saved = records.get('identity', ONLY)
  if (!saved) return undefined
  const account = accounts.get(saved) ?? {
    handle: saved.handle,
    account: { publicKey: saved.accountPublicKey },
    device: { publicKey: saved.devicePublicKey, privateKey: saved.devicePrivateKey },
    certificate: saved.deviceCertificate,
  }
  accounts.set(saved, account)
  return account
}

/** As they were read: the account is asked for with every message. */
const accounts = new WeakMap<object, OwnAccount>()

/** The part of the identity that is kept while the account's key is needed, or the words are not confirmed. */
type KeyState = Partial<
  Pick<RecordOf<'identity'>, 'accountSeed' | 'isJoining' | 'keepsWords' | 'pendingList'>
>

/** The account's key and what is to be done with it. */
export function keyState(records: Reader): Required<KeyState> {
  const {
    accountSeed = NOTHING,
    isJoining = false,
    keepsWords = false,
    pendingList = NOTHING,
  } = records.get('identity', ONLY) ?? {}
  return { accountSeed, isJoining, keepsWords, pendingList }
}

export function changeKeyState(tx: Transaction, change: KeyState): void {
  tx.put('identity', ONLY, { ...tx.get('identity', ONLY)!, ...change })
}

const NOTHING = new Uint8Array()

/** The list is signed and with the server: the account's key goes, unless its words are kept to be confirmed. */
export function forgetKey(tx: Transaction): void {
  const { keepsWords, accountSeed } = keyState(tx)
  changeKeyState(tx, {
    pendingList: NOTHING,
    isJoining: false,
    accountSeed: keepsWords ? accountSeed : NOTHING,
  })
}

/** The person has the words. The key goes, unless it still has something to sign. */
export function confirmWords(tx: Transaction): void {
  const { accountSeed, isJoining, pendingList } = keyState(tx)
  const isNeeded = isJoining || pendingList.length > 0
  changeKeyState(tx, { keepsWords: false, accountSeed: isNeeded ? accountSeed : NOTHING })
}

/** The keys of an account from its seed (32 bytes). Throws RangeError for another length. */
export const keysOfSeed = (seed: Uint8Array): AccountKeys => accountKeys(keyPairOf(crypto, seed.slice()))

/** A new account with its first device. Throws IdentityError for a handle that breaks the rule. */
export function makeAccount(handle: string, issuedAt?: number): NewAccount {
  return withNewDevice(handle, accountKeys(generateKeyPair(crypto)), issuedAt)
}

/**
 * A new device of an account that exists, from the seed (32 bytes) that its recovery phrase stands for. Whether
 * the handle is that account's only its server or a contact can tell. Throws IdentityError for a handle that
 * breaks the rule, RangeError for a seed of another length.
 */
export function restoreAccount({
  handle,
  seed,
  issuedAt,
}: {
  handle: string
  seed: Uint8Array
  issuedAt?: number
}): NewAccount {
  return withNewDevice(handle, keysOfSeed(seed), issuedAt)
}

/** `issuedAt`: in ms since 1970, now unless given. The certificate names no server before that is known. */
function withNewDevice(handle: string, account: AccountKeys, issuedAt: number | undefined): NewAccount {
  checkHandle(handle)
  const device = deviceKeys(generateKeyPair(crypto))
  const deviceKey = device.publicKey
  const certificate = makeCertificate(crypto, {
    ...{ account, deviceKey, serverId: NO_SERVER },
    ...(issuedAt === undefined ? {} : { issuedAt }),
  })
  return { handle, account, device, certificate }
}

export function saveAccount(
  tx: Transaction,
  { handle, account, device, certificate }: OwnAccount,
  createdAtMs: number,
): void {
  tx.put('identity', ONLY, {
    ...(tx.get('identity', ONLY) ?? recordOf('identity', {})),
    handle,
    accountPublicKey: account.publicKey,
    devicePublicKey: device.publicKey,
    devicePrivateKey: device.privateKey,
    deviceCertificate: certificate,
    createdAtMs: BigInt(createdAtMs),
  })
}
