// Keys and signatures that implementations of Ed25519 are known to judge differently
// (Chalkias, Garillot, Nikolaenko: "Taming the many EdDSAs", 2020).

import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { concatBytes, fromHex } from '../../services/protocol/bytes.js'

const { Point } = ed25519
const ORDER = Point.Fn.ORDER
const PRIME = Point.Fp.ORDER
const BYTES = 32

interface Forgery {
  publicKey: Uint8Array
  bytes: Uint8Array
  signature: Uint8Array
}

/** The eight points whose order divides the cofactor; the first is the neutral one. */
const TORSION = ED25519_TORSION_SUBGROUP.map(hex => Point.fromHex(hex))

/** Each point of small order, in every way in which it can be written in 32 bytes. */
export const smallOrderKeys: readonly Uint8Array[] = [
  ...ED25519_TORSION_SUBGROUP.map(hex => fromHex(hex)!),
  // y = 0 and y = 1 with the prime added to them, and x = 0 with a sign.
  ...[0n, 1n].flatMap(y => [encoded(PRIME + y, 0), encoded(PRIME + y, 1)]),
  ...[1n, PRIME - 1n].map(y => encoded(y, 1)),
]

/** With a key of small order: for which of the messages a signature that knows no secret holds is chance. */
export function withSmallOrderKey(publicKey: Uint8Array, bytes: Uint8Array): Forgery[] {
  const s = 5n
  return TORSION.map(torsion => {
    const R = Point.BASE.multiply(s).add(torsion)
    return { publicKey, bytes, signature: joined(R.toBytes(), s) }
  })
}

/**
 * A key that is an honest one plus the point of small order of this number, 1 to 7, and a signature by its owner. It
 * holds by the equation with the cofactor; `holds` is whether it does by the one without.
 */
export function withMixedKey(number: number, bytes: Uint8Array): Forgery & { holds: boolean } {
  const torsion = TORSION[number]!
  const secret = 99n
  const publicKey = Point.BASE.multiply(secret).add(torsion).toBytes()
  const nonce = 7n
  const r = Point.BASE.multiply(nonce).toBytes()
  const k = bytesToNumberLE(sha512(concatBytes(r, publicKey, bytes))) % ORDER
  const signature = joined(r, (nonce + k * secret) % ORDER)
  return { publicKey, bytes, signature, holds: torsion.multiplyUnsafe(k % BigInt(TORSION.length)).is0() }
}

/** The same signature with the group's order added to S, which a lax reader reduces again. */
export function withLargeS(signature: Uint8Array): Uint8Array {
  return joined(signature.slice(0, BYTES), bytesToNumberLE(signature.subarray(BYTES)) + ORDER)
}

function joined(r: Uint8Array, s: bigint): Uint8Array {
  return concatBytes(r, numberToBytesLE(s, BYTES))
}

function encoded(y: bigint, sign: 0 | 1): Uint8Array {
  const bytes = numberToBytesLE(y, BYTES)
  bytes[BYTES - 1]! |= sign << 7
  return bytes
}
