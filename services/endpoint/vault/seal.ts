// How values are sealed: AES-256-GCM under a key of each table's own, which HKDF derives from the data key.
// The associated data names the row, so that what is sealed for one row opens in no other.
//
// Nonces are random. NIST SP 800-38D section 8.3 allows 2^32 of them under one key, for a chance below 2^-32 that
// any two are equal; at a hundred writes a second one table gets there after more than a year without a pause,
// and it has a key of its own, so that the busy tables do not spend the chances of the others.
//
// Not protected: the lengths and the number of the values, and a file put back as a whole to an earlier state.

import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { type Key, TABLES, type Table } from './table.js'

/** Length in bytes of the data key and of all that are derived from it. */
export const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const CIPHER = 'aes-256-gcm'

/** Seals with a random nonce: nonce, ciphertext, tag. */
export function sealWith(
  key: Uint8Array | KeyObject,
  plaintext: Uint8Array,
  associated: Uint8Array,
): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, imported(key), nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(associated)
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

/** Undoes sealWith; undefined unless sealed with the same key for the same associated data. */
export function openWith(
  key: Uint8Array | KeyObject,
  sealed: Uint8Array,
  associated: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined
  const tagAt = sealed.length - TAG_BYTES
  const decipher = createDecipheriv(CIPHER, imported(key), sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(associated).setAuthTag(sealed.subarray(tagAt))
  const plaintext = decipher.update(sealed.subarray(NONCE_BYTES, tagAt))
  try {
    decipher.final()
  } catch {
    plaintext.fill(0)
    return undefined
  }
  return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length)
}

/** Node takes raw keys as well, and several times as long over them. */
const imported = (key: Uint8Array | KeyObject): KeyObject =>
  key instanceof Uint8Array ? createSecretKey(key) : key

/** Seals and opens the values of one vault. */
export interface Sealer {
  seal(table: Table, key: Key, plaintext: Uint8Array): Uint8Array
  /** undefined: this is not what was sealed for this row. */
  open(table: Table, key: Key, sealed: Uint8Array): Uint8Array | undefined
  /** Lets go of the keys, which Node overwrites when it frees them; the sealer is of no use afterwards. */
  forget(): void
}

/** A sealer under a data key of 32 bytes, which the caller may overwrite afterwards. */
export function makeSealer(dataKey: Uint8Array): Sealer {
  const derive = (purpose: string) => {
    const raw = new Uint8Array(hkdfSync('sha256', dataKey, '', purpose, KEY_BYTES))
    const key = createSecretKey(raw)
    raw.fill(0)
    return key
  }
  const keys = new Map(TABLES.map(table => [table, derive(`parley vault 1 table ${table}`)]))
  const keyOf = (table: Table): KeyObject => {
    const key = keys.get(table)
    if (!key) throw new RangeError('the keys are forgotten')
    return key
  }
  return {
    seal: (table, key, plaintext) => sealWith(keyOf(table), plaintext, rowName(table, key)),
    open: (table, key, sealed) => openWith(keyOf(table), sealed, rowName(table, key)),
    forget: () => keys.clear(),
  }
}

/** A row's name in the associated data: table, zero byte, group and id as 64-bit big-endian. */
function rowName(table: Table, key: Key): Uint8Array {
  const name = Buffer.alloc(table.length + 17)
  name.write(table, 'ascii')
  name.writeBigInt64BE(key.group, table.length + 1)
  name.writeBigInt64BE(key.id, table.length + 9)
  return name
}
