import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { firstLogHash, nextLogHash } from '../../../../services/protocol/content/log-tag.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'

const sha256 = (...parts: Uint8Array[]) =>
  new Uint8Array(createHash('sha256').update(Buffer.concat(parts)).digest())

const envelopes = fc.array(
  fc.record({ sequence: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), ciphertext: fc.uint8Array() }),
  { minLength: 1, maxLength: 5 },
)

interface Sealed {
  sequence: bigint
  ciphertext: Uint8Array
}

/** Of an epoch that begins at `place`. */
const hashOf = (
  { authenticator, place = 0n }: { authenticator: Uint8Array; place?: bigint },
  all: Sealed[],
) =>
  all.reduce(
    (before, { sequence, ciphertext }) =>
      nextLogHash(crypto, { before, sequence, digest: sha256(ciphertext) }),
    firstLogHash(crypto, { authenticator, sequence: place }),
  )

const inEightBytes = (sequence: bigint) => {
  const place = Buffer.alloc(8)
  place.writeBigUInt64BE(sequence)
  return place
}

describe('log tags', () => {
  test('are as proto/parley/content/v1 has them', () => {
    fc.assert(
      fc.property(fc.uint8Array(), envelopes, (authenticator, all) => {
        let expected = sha256(Buffer.from('parley log tag'), authenticator, inEightBytes(4n))
        for (const { sequence, ciphertext } of all) {
          expected = sha256(expected, inEightBytes(sequence), sha256(ciphertext))
        }
        expect(hashOf({ authenticator, place: 4n }, all)).toEqual(expected)
      }),
    )
  })

  test('differ where an envelope, its place or the order differs', () => {
    const one = { sequence: 1n, ciphertext: Uint8Array.of(1) }
    const two = { sequence: 2n, ciphertext: Uint8Array.of(2) }
    const epoch = { authenticator: Uint8Array.of(9) }
    const tags = [
      hashOf(epoch, [one, two]),
      hashOf(epoch, [two, one]),
      hashOf(epoch, [one]),
      hashOf(epoch, [{ ...one, sequence: 3n }, two]),
      hashOf(epoch, [{ ...one, ciphertext: Uint8Array.of(3) }, two]),
      hashOf({ authenticator: Uint8Array.of(8) }, [one, two]),
      hashOf({ ...epoch, place: 5n }, [one, two]),
    ].map(hash => Buffer.from(hash).toString('hex'))
    expect(new Set(tags).size).toBe(tags.length)
  })
})
