// How the data key is kept: sealed under a passphrase, or in a file beside the database. The record of it stands in
// the database in clear, so it is checked before anything in it is used:
//
//   kind 1 | passes 4 | memory 4 | lanes 4 | salt 16 | sealed 28 or 60 | checksum 32      (bytes; big-endian)
//
// kind 1: sealed is the data key, under Argon2id of the passphrase. kind 0: sealed is nothing, under the data key, by
// which one sees that a key file belongs to it. The associated data is all that stands before. The checksum is the
// SHA-256 of all that stands before: it tells a damaged record from a wrong passphrase.

import { argon2, createHash, randomBytes } from 'node:crypto'
import { damaged, VaultError } from './error.js'
import { KEY_BYTES, openWith, sealWith } from './seal.js'

/** The cost of trying a passphrase. */
interface Cost {
  passes: number
  /** KiB. */
  memory: number
  lanes: number
}

/** RFC 9106 section 4, the second recommended option. Kept with each vault, so that it can be raised for new ones. */
const COST: Cost = { passes: 3, memory: 64 * 1024, lanes: 4 }

/** Beyond these a record is not one of ours: nothing could be derived at such a cost, or not in a person's time. */
const LEAST: Cost = { passes: 1, memory: 32, lanes: 1 }
const MOST: Cost = { passes: 1_000, memory: 16 * 1024 * 1024, lanes: 256 }

const SALT_BYTES = 16
const COST_AT = 1
const SALT_AT = 13
const SEALED_AT = SALT_AT + SALT_BYTES
const CHECKSUM_BYTES = 32
const SHORTEST_SEALED = 28
const NOTHING = new Uint8Array(0)

export interface Lock {
  kind: 'passphrase' | 'key-file'
  cost: Cost
  salt: Uint8Array
  sealed: Uint8Array
  associated: Uint8Array
}

/** The record of a new lock that the passphrase opens, or without one the key file. */
export async function makeLock(dataKey: Uint8Array, passphrase: string | undefined): Promise<Uint8Array> {
  const salt = randomBytes(SALT_BYTES)
  const head = Buffer.alloc(SEALED_AT)
  head.writeUInt8(passphrase === undefined ? 0 : 1)
  head.writeUInt32BE(COST.passes, COST_AT)
  head.writeUInt32BE(COST.memory, COST_AT + 4)
  head.writeUInt32BE(COST.lanes, COST_AT + 8)
  head.set(salt, SALT_AT)
  const sealed =
    passphrase === undefined
      ? sealWith(dataKey, NOTHING, head)
      : await withStretched({ passphrase, cost: COST, salt }, key => sealWith(key, dataKey, head))
  return Buffer.concat([head, sealed, checksumOf(head, sealed)])
}

/** Reads a record; throws VaultError 'damaged', which names the file that it stands in. */
export function parseLock(record: Uint8Array, file: string): Lock {
  const bytes = Buffer.from(record)
  const sealed = bytes.subarray(SEALED_AT, -CHECKSUM_BYTES)
  const associated = bytes.subarray(0, SEALED_AT)
  const kind = bytes.at(0)
  const whole =
    sealed.length >= SHORTEST_SEALED &&
    (kind === 0 || kind === 1) &&
    checksumOf(associated, sealed).equals(bytes.subarray(-CHECKSUM_BYTES))
  if (!whole) throw damaged(file)
  const cost = {
    passes: bytes.readUInt32BE(COST_AT),
    memory: bytes.readUInt32BE(COST_AT + 4),
    lanes: bytes.readUInt32BE(COST_AT + 8),
  }
  if (!isPossible(cost)) throw damaged(file)
  const salt = bytes.subarray(SALT_AT, SEALED_AT)
  return { kind: kind === 1 ? 'passphrase' : 'key-file', cost, salt, sealed, associated }
}

/** The data key (32 bytes) out of a lock with a passphrase. Throws VaultError 'passphrase-wrong'. */
export async function openLock(lock: Lock, passphrase: string): Promise<Uint8Array> {
  const { cost, salt, sealed, associated } = lock
  const dataKey = await withStretched({ passphrase, cost, salt }, key => openWith(key, sealed, associated))
  if (!dataKey) throw new VaultError({ code: 'passphrase-wrong' })
  return dataKey
}

/** Whether a key file's content is the data key of a lock with a key file. */
export function fitsLock(lock: Lock, dataKey: Uint8Array): boolean {
  return dataKey.length === KEY_BYTES && openWith(dataKey, lock.sealed, lock.associated) !== undefined
}

/**
 * Gives `use` the passphrase's key (32 bytes), overwritten afterwards: Argon2id (RFC 9106) of the passphrase in NFC,
 * because keyboards differ in how they compose an accent.
 */
function withStretched<T>(
  options: { passphrase: string; cost: Cost; salt: Uint8Array },
  use: (key: Uint8Array) => T,
): Promise<T> {
  const { passphrase, cost, salt } = options
  const message = Buffer.from(passphrase.normalize('NFC'), 'utf8')
  const { passes, memory, lanes: parallelism } = cost
  const parameters = { message, nonce: salt, passes, memory, parallelism, tagLength: KEY_BYTES }
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, key) => {
      message.fill(0)
      if (error) return reject(error)
      resolve(use(key))
      key.fill(0)
    })
  })
}

/** Argon2 wants 8 KiB for each lane (RFC 9106 section 3.1). */
function isPossible(cost: Cost): boolean {
  const parts = ['passes', 'memory', 'lanes'] as const
  return (
    parts.every(part => cost[part] >= LEAST[part] && cost[part] <= MOST[part]) &&
    cost.memory >= 8 * cost.lanes
  )
}

function checksumOf(head: Uint8Array, sealed: Uint8Array): Buffer {
  return createHash('sha256').update(head).update(sealed).digest()
}
