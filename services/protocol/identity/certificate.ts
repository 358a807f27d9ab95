import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { DeviceCertificateSchema, SignedDeviceCertificateSchema } from '../../../gen/parley/v1/identity_pb.js'
import { BytesCache } from '../bytes-cache.js'
import type { CryptoProvider } from '../crypto.js'
import type { AccountKey, AccountKeys, DeviceKey } from '../keys.js'
import { isSoundKey, sign } from '../signature.js'
import { KEY_BYTES, SERVER_ID_BYTES } from '../sizes.js'
import {
  type DecodedStatement,
  parseVerifiedStatement,
  readStatement,
  type Statement,
  type StatementKind,
} from './statement.js'

const KIND: StatementKind = { name: 'certificate', label: 'parley.v1.DeviceCertificate', decode }

/** A device and the account that it belongs to. */
export interface DeviceIdentity {
  accountKey: AccountKey
  deviceKey: DeviceKey
  /** 16 bytes. */
  serverId: Uint8Array
  /** ms since 1970-01-01 UTC, by the clock of the device that signed. */
  issuedAt: number
}

/** The server's name in a certificate that was made before it was known which server the account is on. */
export const NO_SERVER: Uint8Array = new Uint8Array(SERVER_ID_BYTES)

/**
 * An encoded SignedDeviceCertificate for one device, signed by its account. `serverId`: none unless given.
 * `issuedAt` is in ms since 1970, now unless given. Throws RangeError for a device key that readCertificate would refuse.
 */
export function makeCertificate(
  crypto: CryptoProvider,
  options: {
    account: AccountKeys
    deviceKey: DeviceKey
    serverId?: Uint8Array
    issuedAt?: number
  },
): Uint8Array {
  const { account, deviceKey, serverId = NO_SERVER, issuedAt = Date.now() } = options
  if (!isSoundKey(deviceKey))
    throw new RangeError(`A device key is ${KEY_BYTES} bytes, and of no small order`)
  const certificate = toBinary(
    DeviceCertificateSchema,
    create(DeviceCertificateSchema, {
      accountKey: account.publicKey,
      deviceKey,
      serverId,
      issuedAtMs: BigInt(Math.trunc(issuedAt)),
    }),
  )
  const { privateKey } = account
  const signature = sign(crypto, { label: KIND.label, bytes: certificate, privateKey })
  return toBinary(
    SignedDeviceCertificateSchema,
    create(SignedDeviceCertificateSchema, { certificate, signature }),
  )
}

/** Certificates that are remembered: those of every member are asked for with every message. */
const REMEMBERED = 4096

/** The certificates that each provider has found to hold. */
const verified = new WeakMap<CryptoProvider, BytesCache<DeviceIdentity>>()
const parsed = new BytesCache<DeviceIdentity>(REMEMBERED)

/** Reads and verifies an encoded SignedDeviceCertificate, wherever it comes from. Throws nothing but IdentityError. */
export function readCertificate(crypto: CryptoProvider, bytes: Uint8Array): Readonly<DeviceIdentity> {
  const known = verified.get(crypto) ?? new BytesCache<DeviceIdentity>(REMEMBERED)
  verified.set(crypto, known)
  return known.get(bytes, unknown => identityOf(readStatement(crypto, unknown, KIND)))
}

/**
 * The device of a certificate that was verified where it entered: of a member of a group, whose leaf the MLS engine
 * lets in only with its certificate verified, or of this device itself. It checks no signature, so no bytes of a server
 * or a stranger may come here. Throws IdentityError for what is no certificate.
 */
export function parseVerifiedCertificate(bytes: Uint8Array): Readonly<DeviceIdentity> {
  return parsed.get(bytes, unknown => identityOf(parseVerifiedStatement(unknown, KIND)))
}

function identityOf({ time, ...device }: Statement): DeviceIdentity {
  return { ...device, issuedAt: time }
}

function decode(bytes: Uint8Array): DecodedStatement {
  const { certificate: signed, signature } = fromBinary(SignedDeviceCertificateSchema, bytes)
  const { accountKey, deviceKey, serverId, issuedAtMs } = fromBinary(DeviceCertificateSchema, signed)
  return { signed, signature, accountKey, deviceKey, serverId, timeMs: issuedAtMs }
}
