// Bytes as every platform has them. A Buffer is one of Node's alone, so none is named in this folder; one that is
// given to these functions is bytes like any other.

/** -1, 0 or 1: by the first byte that differs, else by length. */
export function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const shared = Math.min(one.length, other.length)
  for (let at = 0; at < shared; at++) {
    const difference = one[at]! - other[at]!
    if (difference !== 0) return Math.sign(difference)
  }
  return Math.sign(one.length - other.length)
}

/** Not in constant time: for what is public, as keys, hashes and signatures are. */
export function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && compareBytes(one, other) === 0
}

/** Plain bytes in memory of their own. (The slice() of a Buffer is a view and no copy.) */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const encoder = new TextEncoder()

/** UTF-8; half a surrogate pair becomes U+FFFD. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** In lower case. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte]!
  return text
}

/** In either case; undefined for what is not whole bytes in hexadecimal. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined
  return Uint8Array.from({ length: text.length / 2 }, (_, at) =>
    Number.parseInt(text.slice(2 * at, 2 * at + 2), 16),
  )
}

// RFC 4648: section 4 is base64, section 5 base64url. Neither is padded here.
const COMMON = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const BASE64 = alphabet(`${COMMON}+/`)
const BASE64URL = alphabet(`${COMMON}-_`)

export const toBase64 = (bytes: Uint8Array): string => encode64(bytes, BASE64)
/** Exactly what toBase64 writes: undefined for padding, other characters, a cut, and bits that stand for nothing. */
export const fromBase64 = (text: string): Uint8Array | undefined => decode64(text, BASE64)
export const toBase64url = (bytes: Uint8Array): string => encode64(bytes, BASE64URL)
/** As fromBase64. */
export const fromBase64url = (text: string): Uint8Array | undefined => decode64(text, BASE64URL)

interface Alphabet {
  characters: string
  values: ReadonlyMap<string, number>
}

function alphabet(characters: string): Alphabet {
  return { characters, values: new Map(Array.from(characters, (character, value) => [character, value])) }
}

function decode64(text: string, { values }: Alphabet): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 6) / 8))
  let pending = 0
  let bits = 0
  let at = 0
  for (const character of text) {
    const value = values.get(character)
    if (value === undefined) return undefined
    pending = (pending << 6) | value
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = pending >> bits
    pending &= (1 << bits) - 1
  }
  return bits < 6 && pending === 0 ? bytes : undefined
}

function encode64(bytes: Uint8Array, { characters }: Alphabet): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at
    const group = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    text += characters[group >> 18]! + characters[(group >> 12) & 63]!
    if (left > 1) text += characters[(group >> 6) & 63]!
    if (left > 2) text += characters[group & 63]!
  }
  return text
}

/** A number from 0 to 2^64 - 1 in eight bytes, the most significant first. Throws RangeError for another. */
export function uint64Bytes(value: bigint): Uint8Array {
  if (value < 0n || value >= 1n << 64n) throw new RangeError('A number of eight bytes is from 0 to 2^64 - 1')
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value)
  return bytes
}
