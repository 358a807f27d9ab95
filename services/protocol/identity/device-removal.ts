import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  DeviceRemovalSchema,
  type DeviceRemoval as RemovalMessage,
  SignedDeviceRemovalSchema,
} from '../../../gen/parley/v1/identity_pb.js'
import { copyBytes, equalBytes } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import { IdentityError } from '../error.js'
import {
  type AccountKey,
  type DeviceKey,
  type DeviceKeys,
  sameKey,
  accountKey as toAccountKey,
  deviceKey as toDeviceKey,
} from '../keys.js'
import { isSoundKey, type Label, sign, verify } from '../signature.js'
import { KEY_BYTES, LIST_HASH_BYTES, MAX_REMOVALS, MAX_STATEMENT_BYTES } from '../sizes.js'
import { isTime } from '../time.js'
import type { DeviceList } from './device-list.js'
import { decodeBounded } from './statement.js'

const NAME = 'device-removal'
const LABEL: Label = 'parley.v1.DeviceRemoval'

/** A removal that its signer's key did sign. Whether it counts is for devicesInUse to say. */
export interface DeviceRemoval {
  accountKey: AccountKey
  /** The hash of the list that it is of, 32 bytes. */
  list: Uint8Array
  /** Of the device that is removed. */
  deviceKey: DeviceKey
  /** Of the device that signed. */
  signerKey: DeviceKey
  /** ms since 1970-01-01 UTC, by the clock of the signer: for people, nothing is decided by it. */
  removedAt: number
  /** The SignedDeviceRemoval, encoded with its two fields alone, whatever else stood beside them. */
  encoded: Uint8Array
}

/** The places on a list of the device that signed a removal and of the one that it removes; the first is 0. */
export interface RemovalPlaces {
  signer: number
  removed: number
}

/** An encoded SignedDeviceRemoval. Throws IdentityError where it could never count: the list knows no such device, or it stands ahead. */
export function makeDeviceRemoval(
  crypto: CryptoProvider,
  signer: DeviceKeys,
  { list, deviceKey, removedAt }: { list: DeviceList; deviceKey: DeviceKey; removedAt: number },
): Uint8Array {
  const { accountKey, hash } = list
  const { publicKey: signerKey, privateKey } = signer
  checkRemoval({ accountKey, list: hash, deviceKey, signerKey }, list)
  const removal = toBinary(
    DeviceRemovalSchema,
    create(DeviceRemovalSchema, {
      accountKey,
      list: hash,
      deviceKey,
      signerKey,
      removedAtMs: BigInt(Math.trunc(removedAt)),
    }),
  )
  const signature = sign(crypto, { label: LABEL, bytes: removal, privateKey })
  return encodedOf(removal, signature)
}

const encodedOf = (removal: Uint8Array, signature: Uint8Array): Uint8Array =>
  toBinary(SignedDeviceRemovalSchema, create(SignedDeviceRemovalSchema, { removal, signature }))

/** Reads and verifies an encoded SignedDeviceRemoval, wherever it comes from. Throws nothing but IdentityError. */
export function readDeviceRemoval(crypto: CryptoProvider, bytes: Uint8Array): DeviceRemoval {
  const { removal, signature, message } = decodeBounded(bytes, {
    name: NAME,
    limit: MAX_STATEMENT_BYTES,
    decode,
  })
  if (!isWellFormed(message)) throw new IdentityError('malformed', NAME)
  const { accountKey, list, deviceKey, signerKey, removedAtMs } = message
  if (!verify(crypto, { label: LABEL, bytes: removal, signature, publicKey: signerKey }))
    throw new IdentityError('signature', NAME)
  return {
    accountKey: toAccountKey(copyBytes(accountKey)),
    list: copyBytes(list),
    deviceKey: toDeviceKey(copyBytes(deviceKey)),
    signerKey: toDeviceKey(copyBytes(signerKey)),
    removedAt: Number(removedAtMs),
    // Its wrapping is signed by nobody: bytes that somebody added there must not count for who has signed what is in it.
    encoded: encodedOf(removal, signature),
  }
}

/**
 * The removals among encoded ones that hold and could count for the list; the others are left out, for anybody may have
 * put them there. Throws IdentityError ('too-many') before it verifies any, where there are more than could count.
 */
export function readRemovalsOf(
  crypto: CryptoProvider,
  list: DeviceList,
  encoded: readonly Uint8Array[],
): DeviceRemoval[] {
  if (encoded.length > MAX_REMOVALS) throw new IdentityError('too-many', NAME)
  return encoded.flatMap(bytes => {
    try {
      const removal = readDeviceRemoval(crypto, bytes)
      checkRemoval(removal, list)
      return [removal]
    } catch (error) {
      if (error instanceof IdentityError) return []
      throw error
    }
  })
}

/** Throws IdentityError, with the reason, for a removal that cannot count for this list, whatever others there are. */
export function checkRemoval(
  removal: Pick<DeviceRemoval, 'accountKey' | 'list' | 'deviceKey' | 'signerKey'>,
  list: DeviceList,
): RemovalPlaces {
  if (!sameKey(removal.accountKey, list.accountKey)) throw new IdentityError('other-account', NAME)
  if (!equalBytes(removal.list, list.hash)) throw new IdentityError('other-list', NAME)
  const signer = placeOf(list, removal.signerKey)
  const removed = placeOf(list, removal.deviceKey)
  if (signer === -1 || removed === -1) throw new IdentityError('not-listed', NAME)
  if (signer > removed) throw new IdentityError('order', NAME)
  return { signer, removed }
}

/** The place of a device on a list: 0 is the most senior, -1 is none. */
export function placeOf(list: DeviceList, deviceKey: DeviceKey): number {
  return list.devices.findIndex(device => sameKey(device.deviceKey, deviceKey))
}

function decode(bytes: Uint8Array): { removal: Uint8Array; signature: Uint8Array; message: RemovalMessage } {
  const { removal, signature } = fromBinary(SignedDeviceRemovalSchema, bytes)
  return { removal, signature, message: fromBinary(DeviceRemovalSchema, removal) }
}

function isWellFormed({ accountKey, list, deviceKey, signerKey, removedAtMs }: RemovalMessage): boolean {
  return (
    accountKey.length === KEY_BYTES &&
    list.length === LIST_HASH_BYTES &&
    isSoundKey(deviceKey) &&
    isSoundKey(signerKey) &&
    isTime(removedAtMs)
  )
}
