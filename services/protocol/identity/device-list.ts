import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  DeviceListSchema,
  type DeviceList as ListMessage,
  SignedDeviceListSchema,
} from '../../../gen/parley/v1/identity_pb.js'
import { concatBytes, copyBytes, toHex, utf8 } from '../bytes.js'
import { BytesCache } from '../bytes-cache.js'
import type { CryptoProvider } from '../crypto.js'
import { IdentityError } from '../error.js'
import {
  type AccountKey,
  type AccountKeys,
  type DeviceKey,
  accountKey as toAccountKey,
  deviceKey as toDeviceKey,
} from '../keys.js'
import { isSoundKey, type Label, sign, verify } from '../signature.js'
import { KEY_BYTES, LIST_HASH_BYTES, LISTED_DEVICES, MAX_LIST_BYTES, SERVER_ID_BYTES } from '../sizes.js'
import { DAY_MS, isTime, MINUTE_MS, SECOND_MS } from '../time.js'
import { checkHandle, decodeBounded } from './statement.js'

const NAME = 'device-list'
const LABEL: Label = 'parley.v1.DeviceList'
const HASH_PREFIX = utf8(`${LABEL}\0`)

/** The highest number of a list: it stays a whole number everywhere. */
export const MAX_LIST_NUMBER = Number.MAX_SAFE_INTEGER

/** A device as a list names it. */
export interface ListedDevice {
  deviceKey: DeviceKey
  /** When it was first listed, in ms since 1970-01-01 UTC. */
  listedAt: number
}

interface ListContent {
  handle: string
  /** 16 bytes. */
  serverId: Uint8Array
  number: number
  /** The hash of the list before; undefined in the first, and where its maker knew none. */
  previous: Uint8Array | undefined
  /** ms since 1970-01-01 UTC, by the clock of the device that signed. */
  issuedAt: number
  /** The most senior first; 1 to 16. */
  devices: readonly ListedDevice[]
}

/** A list that was verified. */
export interface DeviceList extends ListContent {
  accountKey: AccountKey
  /** The name of the list in removals and in the list behind it, 32 bytes. */
  hash: Uint8Array
  /** The SignedDeviceList, encoded with its two fields alone, whatever else stood beside them. */
  encoded: Uint8Array
}

/** An encoded SignedDeviceList. Throws, as readDeviceList would, IdentityError for a list that nobody would take. */
export function makeDeviceList(
  crypto: CryptoProvider,
  account: AccountKeys,
  content: ListContent,
): Uint8Array {
  const message = create(DeviceListSchema, {
    accountKey: account.publicKey,
    handle: content.handle,
    serverId: content.serverId,
    number: BigInt(content.number),
    previous: content.previous ?? new Uint8Array(),
    issuedAtMs: BigInt(Math.trunc(content.issuedAt)),
    devices: content.devices.map(({ deviceKey, listedAt }) => ({
      deviceKey,
      listedAtMs: BigInt(Math.trunc(listedAt)),
    })),
  })
  checkMessage(message)
  const list = toBinary(DeviceListSchema, message)
  const signature = sign(crypto, { label: LABEL, bytes: list, privateKey: account.privateKey })
  return encodedOf(list, signature)
}

const encodedOf = (list: Uint8Array, signature: Uint8Array): Uint8Array =>
  toBinary(SignedDeviceListSchema, create(SignedDeviceListSchema, { list, signature }))

/** Lists that are remembered, for each provider that found them to hold. */
const REMEMBERED = 1024
const verified = new WeakMap<CryptoProvider, BytesCache<DeviceList>>()

/**
 * Reads and verifies an encoded SignedDeviceList, wherever it comes from. Its account, its server, and
 * whether it is newer than another are for the caller. Throws nothing but IdentityError.
 */
export function readDeviceList(crypto: CryptoProvider, bytes: Uint8Array): Readonly<DeviceList> {
  const known = verified.get(crypto) ?? new BytesCache<DeviceList>(REMEMBERED)
  verified.set(crypto, known)
  return known.get(bytes, unknown => readUnknown(crypto, unknown))
}

function readUnknown(crypto: CryptoProvider, bytes: Uint8Array): DeviceList {
  const { list, signature, message } = decodeBounded(bytes, { name: NAME, limit: MAX_LIST_BYTES, decode })
  checkMessage(message)
  const { accountKey } = message
  if (!verify(crypto, { label: LABEL, bytes: list, signature, publicKey: accountKey }))
    throw new IdentityError('signature', NAME)
  return {
    accountKey: toAccountKey(copyBytes(accountKey)),
    handle: message.handle,
    serverId: copyBytes(message.serverId),
    number: Number(message.number),
    previous: message.previous.length > 0 ? copyBytes(message.previous) : undefined,
    issuedAt: Number(message.issuedAtMs),
    devices: message.devices.map(({ deviceKey, listedAtMs }) => ({
      deviceKey: toDeviceKey(copyBytes(deviceKey)),
      listedAt: Number(listedAtMs),
    })),
    hash: crypto.sha256(concatBytes(HASH_PREFIX, list)),
    // Its wrapping is signed by nobody: bytes that somebody added there must not count for who has signed what is in it.
    encoded: encodedOf(list, signature),
  }
}

function decode(bytes: Uint8Array): { list: Uint8Array; signature: Uint8Array; message: ListMessage } {
  const { list, signature } = fromBinary(SignedDeviceListSchema, bytes)
  return { list, signature, message: fromBinary(DeviceListSchema, list) }
}

/** Throws IdentityError. Looks at the number of devices before it looks at any of them. */
function checkMessage(message: ListMessage): void {
  const { accountKey, devices } = message
  if (devices.length > LISTED_DEVICES) throw new IdentityError('too-many', NAME)
  if (!isWellFormed(message)) throw new IdentityError('malformed', NAME)
  checkHandle(message.handle)
  const keys = new Set([accountKey, ...devices.map(({ deviceKey }) => deviceKey)].map(toHex))
  if (keys.size !== devices.length + 1) throw new IdentityError('repeated', NAME)
}

function isWellFormed({ accountKey, serverId, number, previous, issuedAtMs, devices }: ListMessage): boolean {
  return (
    accountKey.length === KEY_BYTES &&
    serverId.length === SERVER_ID_BYTES &&
    number >= 1n &&
    number <= BigInt(MAX_LIST_NUMBER) &&
    (previous.length === 0 || previous.length === LIST_HASH_BYTES) &&
    isTime(issuedAtMs) &&
    devices.length > 0 &&
    devices.every(({ deviceKey, listedAtMs }) => isSoundKey(deviceKey) && isTime(listedAtMs))
  )
}

/** Clocks of a client and a server differ by less, in ms. */
const LEEWAY_MS = 5 * MINUTE_MS

/**
 * The number of a new list: one more than the newest that its maker knows, or the seconds since 1970 if that is more.
 * `takesBack`: as far ahead as a directory takes it, so that it comes behind all that a thief of the words may have signed
 * and shown to others alone. Throws RangeError where no number is left.
 */
export function nextListNumber(
  known: number | undefined,
  nowMs: number,
  { takesBack = false }: { takesBack?: boolean } = {},
): number {
  const leadMs = takesBack ? DAY_MS - LEEWAY_MS : 0
  const number = Math.max((known ?? 0) + 1, Math.trunc((nowMs + leadMs) / SECOND_MS))
  if (number > MAX_LIST_NUMBER) throw new RangeError('No number is left for a device list')
  return number
}

/**
 * Whether a list may be taken in by its number: one that is further in the future than a day, and not just the next
 * one, would take the numbers from those behind it. It is asked where a list enters and never of what a group
 * carries, for clocks differ and members must agree.
 */
export function isTimelyNumber(
  number: number,
  { known, nowMs }: { known: number | undefined; nowMs: number },
): boolean {
  return number <= Math.max((known ?? 0) + 1, Math.trunc((nowMs + DAY_MS) / SECOND_MS))
}

/** The number that an encoded list has, which is not verified; undefined for what is no list. Never throws. */
export function claimedNumber(encoded: Uint8Array): number | undefined {
  try {
    return Number(decode(encoded).message.number)
  } catch {
    return undefined
  }
}

/**
 * Whether a number lies so far ahead that the directory cannot have taken its list, nor some that followed that: a group
 * goes by the highest that it was told of, and no list of the owner's could follow this one before long.
 */
export const isFarAhead = (number: number, nowMs: number): boolean =>
  number > (nowMs + DAY_MS + LEEWAY_MS) / SECOND_MS
