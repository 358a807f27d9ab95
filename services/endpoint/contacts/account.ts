// The account and the device of this endpoint, made at its first start and kept in its vault.

import { makeCertificate } from '../../protocol/identity/certificate.js'
import { type AccountKeys, accountKeys, type DeviceKeys, deviceKeys } from '../../protocol/keys.js'
import { generateKeyPair, keyPairOf } from '../../protocol/signature.js'
import { crypto } from '../crypto.js'
import type { Reader, Transaction } from '../vault/records.js'
import { at } from '../vault/records.js'

export interface OwnAccount {
  handle: string
  account: AccountKeys
  device: DeviceKeys
  /** An encoded SignedDeviceCertificate. */
  certificate: Uint8Array
}

const ONLY = at(0n)

/** The account in this vault; undefined in a new one. */
export function loadAccount(records: Reader): OwnAccount | undefined {
  const saved = records.get('identity', ONLY)
  if (!saved) return undefined
  const account = accounts.get(saved) ?? {
    handle: saved.handle,
    account: { publicKey: saved.accountPublicKey, privateKey: saved.accountPrivateKey },
    device: { publicKey: saved.devicePublicKey, privateKey: saved.devicePrivateKey },
    certificate: saved.deviceCertificate,
  }
  accounts.set(saved, account)
  return account
}

/** As they were read: the account is asked for with every message. */
const accounts = new WeakMap<object, OwnAccount>()

/** A new account with its first device. Throws IdentityError for a handle that breaks the rule. */
export function makeAccount(handle: string, issuedAt?: number): OwnAccount {
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
}): OwnAccount {
  return withNewDevice(handle, accountKeys(keyPairOf(crypto, seed.slice())), issuedAt)
}

/** `issuedAt`: in ms since 1970, now unless given. */
function withNewDevice(handle: string, account: AccountKeys, issuedAt: number | undefined): OwnAccount {
  const device = deviceKeys(generateKeyPair(crypto))
  const deviceKey = device.publicKey
  return {
    handle,
    account,
    device,
    certificate: makeCertificate(crypto, {
      ...{ handle, account, deviceKey },
      ...(issuedAt === undefined ? {} : { issuedAt }),
    }),
  }
}

export function saveAccount(
  tx: Transaction,
  { handle, account, device, certificate }: OwnAccount,
  createdAtMs: number,
): void {
  tx.put('identity', ONLY, {
    handle,
    accountPublicKey: account.publicKey,
    accountPrivateKey: account.privateKey,
    devicePublicKey: device.publicKey,
    devicePrivateKey: device.privateKey,
    deviceCertificate: certificate,
    createdAtMs: BigInt(createdAtMs),
  })
}
