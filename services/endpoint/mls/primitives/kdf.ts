import { hash as digestOf, timingSafeEqual } from 'node:crypto'
import type { CiphersuiteImpl, Hash } from '../library.js'

type HashName = 'sha256' | 'sha384' | 'sha512'

/** Bytes that a hash function puts out, and bytes of the blocks that it works on (FIPS 180-4). */
const SIZES = {
  sha256: { output: 32, block: 64 },
  sha384: { output: 48, block: 128 },
  sha512: { output: 64, block: 128 },
} as const

const INNER_PAD = 0x36
const OUTER_PAD = 0x5c
const EMPTY = new Uint8Array()

/** HKDF (RFC 5869) in its two halves; node's hkdfSync always extracts, and MLS mostly expands. */
export interface Hkdf {
  size: number
  extract(salt: Uint8Array, secret: Uint8Array): Uint8Array
  expand(key: Uint8Array, info: Uint8Array, length: number): Uint8Array
}

/** The library writes SHA-256 and HKDF-SHA256 where node says sha256. */
export function hashName(algorithm: string): HashName {
  const name = algorithm.replace('HKDF-', '').replace('-', '').toLowerCase()
  if (name in SIZES) return name as HashName
  throw new Error(`no hash ${algorithm}`)
}

function digest(name: HashName, data: Uint8Array): Uint8Array {
  return asBytes(digestOf(name, data, 'buffer'))
}

/** A Buffer as the plain Uint8Array that the library expects: Buffer's slice shares memory, Uint8Array's copies. */
export function asBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

/**
 * HMAC (RFC 2104) from two one-shot digests: under OpenSSL 3 createHmac fetches its algorithm anew
 * for every call, which costs more than the hashing.
 */
export function hmac(name: HashName, key: Uint8Array, ...data: Uint8Array[]): Uint8Array {
  const { block, output } = SIZES[name]
  const shortKey = key.length > block ? digest(name, key) : key
  const inner = new Uint8Array(data.reduce<number>((length, part) => length + part.length, block))
  const outer = new Uint8Array(block + output)
  writePadded(inner, shortKey, block, INNER_PAD)
  writePadded(outer, shortKey, block, OUTER_PAD)
  let offset = block
  for (const part of data) {
    inner.set(part, offset)
    offset += part.length
  }
  outer.set(digestOf(name, inner, 'buffer'), block)
  const mac = digest(name, outer)
  inner.fill(0, 0, block)
  outer.fill(0)
  return mac
}

function writePadded(target: Uint8Array, key: Uint8Array, block: number, pad: number): void {
  for (let index = 0; index < key.length; index++) target[index] = key[index]! ^ pad
  target.fill(pad, key.length, block)
}

export function hkdf(name: HashName): Hkdf {
  const size = SIZES[name].output
  return {
    size,
    extract: (salt, secret) => hmac(name, salt.length === 0 ? new Uint8Array(size) : salt, secret),
    expand(key, info, length) {
      const blocks: Uint8Array[] = []
      for (let counter = 1; (counter - 1) * size < length; counter++)
        blocks.push(hmac(name, key, blocks.at(-1) ?? EMPTY, info, Uint8Array.of(counter)))
      const first = blocks[0]
      if (first !== undefined && length === size) return first
      return concat(...blocks).slice(0, length)
    },
  }
}

/** The same in the library's shape. */
export function libraryKdf(name: HashName): CiphersuiteImpl['kdf'] {
  const kdf = hkdf(name)
  return {
    size: kdf.size,
    extract: async (salt, secret) => kdf.extract(salt, secret),
    expand: async (key, info, length) => kdf.expand(key, info, length),
  }
}

export function libraryHash(name: HashName): Hash {
  return {
    digest: async data => digest(name, data),
    mac: async (key, data) => hmac(name, key, data),
    async verifyMac(key, mac, data) {
      const expected = hmac(name, key, data)
      return expected.length === mac.length && timingSafeEqual(expected, mac)
    },
  }
}

/** A secret drawn at random, from which others are derived. */
export function newSecret({ kdf, rng }: CiphersuiteImpl): Uint8Array {
  return rng.randomBytes(kdf.size)
}
