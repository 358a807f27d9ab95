// A cursor of the contract: a place in the log, sealed. A client can neither read it nor make one, and one that was
// given to another device, or by another store, does not open.

import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomFillSync,
} from 'node:crypto'
import { BadCursorError, type DeviceId, type Place } from './store.js'

/** Of a store's key. */
export const CURSOR_KEY_BYTES = 32

const LABEL = 'parley cursor'
const VERSION = Uint8Array.of(1)
const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const PLACE_BYTES = 8
const SEALED_AT = VERSION.length + NONCE_BYTES
const TAG_AT = SEALED_AT + PLACE_BYTES
/** Every cursor has so many: its length tells nothing. */
export const CURSOR_BYTES = TAG_AT + TAG_BYTES

/** Nonces that are drawn at once: one by one they would cost as much as the sealing. */
const DRAWN_NONCES = 256
const drawn = Buffer.alloc(DRAWN_NONCES * NONCE_BYTES)
let used = DRAWN_NONCES

function nextNonce(): Uint8Array {
  if (used === DRAWN_NONCES) {
    randomFillSync(drawn)
    used = 0
  }
  const at = used * NONCE_BYTES
  used += 1
  return drawn.subarray(at, at + NONCE_BYTES)
}

/** The cursors of one device. Nonces are random: a key for each device keeps them apart for 2^32 cursors of it. */
export class Cursors {
  readonly #key: KeyObject

  /** `storeKey`: 32 random bytes, the same for as long as the store keeps its log. Secret. */
  constructor(storeKey: Uint8Array, device: DeviceId) {
    this.#key = createSecretKey(createHmac('sha256', storeKey).update(LABEL).update(device).digest())
  }

  /** Version (1 byte), nonce (12), the place (8) sealed with AES-256-GCM, its tag (16). */
  seal(place: Place): Uint8Array {
    const nonce = nextNonce()
    const cipher = createCipheriv(CIPHER, this.#key, nonce).setAAD(VERSION)
    const plain = Buffer.allocUnsafe(PLACE_BYTES)
    plain.writeBigUInt64BE(BigInt(place))
    const sealed = cipher.update(plain)
    cipher.final()
    return Buffer.concat([VERSION, nonce, sealed, cipher.getAuthTag()], CURSOR_BYTES)
  }

  /** 0, the beginning, for an empty one. Throws BadCursorError. */
  open(cursor: Uint8Array): Place {
    if (cursor.length === 0) return 0
    if (cursor.length !== CURSOR_BYTES || cursor[0] !== VERSION[0])
      throw new BadCursorError('it is no cursor of this version')
    const nonce = cursor.subarray(VERSION.length, SEALED_AT)
    const decipher = createDecipheriv(CIPHER, this.#key, nonce).setAAD(VERSION)
    decipher.setAuthTag(cursor.subarray(TAG_AT))
    try {
      const plain = decipher.update(cursor.subarray(SEALED_AT, TAG_AT))
      decipher.final()
      return Number(plain.readBigUInt64BE())
    } catch (cause) {
      throw new BadCursorError('it was not made by this store for this device', { cause })
    }
  }
}
