import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { DeviceCertificateSchema, SignedDeviceCertificateSchema } from '../../../gen/parley/v1/identity_pb.js'
import { type KeyPair, sign } from '../signature.js'
import { checkSubject, type DecodedStatement, readStatement } from './statement.js'

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
  checkSubject({ handle, deviceKey })
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

/** Certificates whose verification is remembered: those of every member are asked for with every message. */
const VERIFIED_CERTIFICATES = 4096

/** By their bytes; the one used last stands last. */
const verified = new Map<string, DeviceIdentity>()

/** Reads and verifies an encoded SignedDeviceCertificate. Throws nothing but IdentityError. */
export function readCertificate(bytes: Uint8Array): Readonly<DeviceIdentity> {
  const name = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  const identity = verified.get(name) ?? verifyCertificate(bytes)
  verified.delete(name)
  verified.set(name, identity)
  const [oldest] = verified.keys()
  if (verified.size > VERIFIED_CERTIFICATES && oldest !== undefined) verified.delete(oldest)
  return identity
}

function verifyCertificate(bytes: Uint8Array): DeviceIdentity {
  const { time, ...device } = readStatement(bytes, { name: 'device certificate', label: LABEL, decode })
  return { ...device, issuedAt: time }
}

function decode(bytes: Uint8Array): DecodedStatement {
  const { certificate: signed, signature } = fromBinary(SignedDeviceCertificateSchema, bytes)
  const { handle, accountKey, deviceKey, issuedAtMs } = fromBinary(DeviceCertificateSchema, signed)
  return { signed, signature, handle, accountKey, deviceKey, timeMs: issuedAtMs }
}
