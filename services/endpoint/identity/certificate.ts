import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type DeviceCertificate,
  DeviceCertificateSchema,
  type SignedDeviceCertificate,
  SignedDeviceCertificateSchema,
} from '../../../gen/parley/v1/identity_pb.js'
import { IdentityError } from './error.js'
import { HANDLE_RULE, isHandle } from './handle.js'
import { KEY_BYTES, type KeyPair, SIGNATURE_BYTES, sign, verify } from './keys.js'

/** Size in bytes up to which a certificate is read; ours have about 190, the rest is room for new fields. */
export const MAX_CERTIFICATE_BYTES = 1024
/** The latest time that a Date can hold, in ms since 1970 (ECMA-262, "Time Values"). */
const MAX_TIME_MS = 8_640_000_000_000_000n

const LABEL = 'parley.v1.DeviceCertificate'

/** A device and the account that it belongs to; verified. */
export interface DeviceIdentity {
  handle: string
  /** The account's public key, 32 bytes. */
  accountKey: Uint8Array
  /** The device's public key, 32 bytes. */
  deviceKey: Uint8Array
  /** ms since 1970-01-01 UTC, by the clock of the device that signed. */
  issuedAt: number
}

/**
 * An encoded SignedDeviceCertificate for one device (its 32-byte public key), signed by its account.
 * `issuedAt` is in ms since 1970, now unless given. Throws IdentityError for a handle that breaks the rule.
 */
export function makeCertificate(options: {
  handle: string
  account: KeyPair
  deviceKey: Uint8Array
  issuedAt?: number
}): Uint8Array {
  const { handle, account, deviceKey, issuedAt = Date.now() } = options
  if (!isHandle(handle)) throw new IdentityError('handle', HANDLE_RULE)
  if (deviceKey.length !== KEY_BYTES) throw new RangeError(`A device key has ${KEY_BYTES} bytes`)
  const certificate = toBinary(
    DeviceCertificateSchema,
    create(DeviceCertificateSchema, {
      handle,
      accountKey: account.publicKey,
      deviceKey,
      issuedAtMs: BigInt(Math.trunc(issuedAt)),
    }),
  )
  const signature = sign(LABEL, account.privateKey, certificate)
  return toBinary(
    SignedDeviceCertificateSchema,
    create(SignedDeviceCertificateSchema, { certificate, signature }),
  )
}

/** Reads and verifies an encoded SignedDeviceCertificate. Throws nothing but IdentityError. */
export function readCertificate(bytes: Uint8Array): DeviceIdentity {
  const { signed, certificate } = decode(bytes)
  const { handle, accountKey, deviceKey, issuedAtMs } = certificate
  const sized =
    accountKey.length === KEY_BYTES &&
    deviceKey.length === KEY_BYTES &&
    signed.signature.length === SIGNATURE_BYTES &&
    issuedAtMs >= 0n &&
    issuedAtMs <= MAX_TIME_MS
  if (!sized) throw new IdentityError('malformed', 'A field of the device certificate has the wrong size')
  if (!isHandle(handle)) throw new IdentityError('handle', HANDLE_RULE)
  if (!verify(LABEL, accountKey, signed.certificate, signed.signature)) {
    throw new IdentityError('signature', 'The device certificate is not signed by its account')
  }
  return {
    handle,
    accountKey: accountKey.slice(),
    deviceKey: deviceKey.slice(),
    issuedAt: Number(issuedAtMs),
  }
}

function decode(bytes: Uint8Array): { signed: SignedDeviceCertificate; certificate: DeviceCertificate } {
  if (bytes.length > MAX_CERTIFICATE_BYTES) {
    throw new IdentityError('malformed', `A device certificate has at most ${MAX_CERTIFICATE_BYTES} bytes`)
  }
  try {
    const signed = fromBinary(SignedDeviceCertificateSchema, bytes)
    return { signed, certificate: fromBinary(DeviceCertificateSchema, signed.certificate) }
  } catch (cause) {
    throw new IdentityError('malformed', 'These bytes are not a device certificate', { cause })
  }
}
