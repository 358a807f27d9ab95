import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { DeviceRevocationSchema, SignedDeviceRevocationSchema } from '../../../gen/parley/v1/identity_pb.js'
import type { CryptoProvider } from '../crypto.js'
import type { AccountKey, AccountKeys, DeviceKey } from '../keys.js'
import { sign } from '../signature.js'
import {
  checkHandle,
  checkSubject,
  type DecodedStatement,
  readStatement,
  type StatementKind,
} from './statement.js'

const KIND: StatementKind = { name: 'revocation', label: 'parley.v1.DeviceRevocation', decode }

/** A device that its account has ended for good; verified. */
export interface Revocation {
  handle: string
  accountKey: AccountKey
  /** Of the device that is revoked. */
  deviceKey: DeviceKey
  /** ms since 1970-01-01 UTC, by the clock of the device that signed. */
  revokedAt: number
}

/**
 * An encoded SignedDeviceRevocation of one device, signed by its account. Nothing
 * takes it back. `revokedAt` is in ms since 1970, now unless given. Throws IdentityError for a handle that
 * breaks the rule.
 */
export function makeRevocation(
  crypto: CryptoProvider,
  options: { handle: string; account: AccountKeys; deviceKey: DeviceKey; revokedAt?: number },
): Uint8Array {
  const { handle, account, deviceKey, revokedAt = Date.now() } = options
  checkSubject({ handle, deviceKey })
  const revocation = toBinary(
    DeviceRevocationSchema,
    create(DeviceRevocationSchema, {
      handle,
      accountKey: account.publicKey,
      deviceKey,
      revokedAtMs: BigInt(Math.trunc(revokedAt)),
    }),
  )
  const { privateKey } = account
  const signature = sign(crypto, { label: KIND.label, bytes: revocation, privateKey })
  return toBinary(
    SignedDeviceRevocationSchema,
    create(SignedDeviceRevocationSchema, { revocation, signature }),
  )
}

/**
 * Reads and verifies an encoded SignedDeviceRevocation. That it comes from the account which the device belongs
 * to is for the caller to compare: any account can sign one about any device. Throws nothing but IdentityError.
 */
export function readRevocation(crypto: CryptoProvider, bytes: Uint8Array): Revocation {
  const { time, ...device } = readStatement(crypto, bytes, KIND)
  checkHandle(device.handle)
  return { ...device, revokedAt: time }
}

function decode(bytes: Uint8Array): DecodedStatement {
  const { revocation: signed, signature } = fromBinary(SignedDeviceRevocationSchema, bytes)
  const { handle, accountKey, deviceKey, revokedAtMs } = fromBinary(DeviceRevocationSchema, signed)
  return { signed, signature, handle, accountKey, deviceKey, timeMs: revokedAtMs }
}
