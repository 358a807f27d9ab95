import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { concatBytes } from '../../../../services/protocol/bytes.js'
import { basisOfCommit, encodeBasis } from '../../../../services/protocol/conversation/commit-basis.js'

/** A vector whose length has so many bytes (RFC 9420, section 2.1.2). */
function vector(content: Uint8Array, width: 1 | 2 | 4): Uint8Array {
  const length = new Uint8Array(width)
  const view = new DataView(length.buffer)
  if (width === 1) view.setUint8(0, content.length)
  else if (width === 2) view.setUint16(0, 0x4000 | content.length)
  else view.setUint32(0, 0x8000_0000 | content.length)
  return concatBytes(length, content)
}

const message = (basis: Uint8Array, widths: readonly [1 | 2 | 4, 2 | 4], format = 2) =>
  concatBytes(
    Uint8Array.of(0, 1, 0, format),
    vector(new Uint8Array(16).fill(7), widths[0]),
    new Uint8Array(9),
    vector(basis, widths[1]),
    Uint8Array.of(1, 2, 3),
  )

test('the basis of a commit is what MLS leaves open of it, however its lengths are written', () => {
  const basis = { lists: [new Uint8Array(40).fill(1), new Uint8Array(90).fill(2)], removals: [], rejoins: [] }
  const bytes = encodeBasis(basis)
  for (const first of [1, 2, 4] as const)
    for (const second of [2, 4] as const)
      expect(basisOfCommit(message(bytes, [first, second]))).toEqual(basis)
  expect(basisOfCommit(message(bytes, [1, 2], 1))).toBeUndefined()
  const whole = message(bytes, [1, 2])
  for (let length = 0; length < whole.length - 3; length++)
    expect(basisOfCommit(whole.subarray(0, length))).toBeUndefined()
})

test('whatever comes in its place, it does not throw', () => {
  const near = fc.uint8Array({ maxLength: 40 }).map(rest => concatBytes(Uint8Array.of(0, 1, 0, 2), rest))
  fc.assert(fc.property(fc.oneof(near, fc.uint8Array()), bytes => void basisOfCommit(bytes)))
})
