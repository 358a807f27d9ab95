import { describe, expect, test } from '@jest/globals'
import { trustServer } from '../../../../services/endpoint/line/server-trust.js'
import { formatFingerprint } from '../../../../services/protocol/identity/fingerprint.js'

const bytes = (fill: number) => new Uint8Array(32).fill(fill)
const seen = (fill: number, authority = false) => ({
  certificate: `PEM ${fill}`,
  fingerprint: bytes(fill),
  authority,
  notAfter: new Date(),
})
const expected = (known: { pinned?: Uint8Array; invited?: Uint8Array }) => ({
  address: 'localhost:5000',
  pinned: known.pinned,
  invited: known.invited,
})
const exactly = (fill: number) => ({ kind: 'pinned', certificate: `PEM ${fill}` })

describe('the server that answers', () => {
  test('is pinned at first contact, whatever it is', () => {
    expect(trustServer(seen(1), expected({}))).toEqual({ trust: exactly(1), pin: true })
  })

  test('is not pinned where an authority vouches for it', () => {
    expect(trustServer(seen(1, true), expected({}))).toEqual({ trust: { kind: 'authority' }, pin: false })
  })

  test('is exactly the pinned one, even where an authority vouches for another', () => {
    expect(trustServer(seen(1), expected({ pinned: bytes(1) }))).toEqual({ trust: exactly(1), pin: false })
    for (const authority of [false, true])
      expect(() => trustServer(seen(2, authority), expected({ pinned: bytes(1) }))).toThrow(
        expect.objectContaining({ name: 'LineStopped', reason: 'server-changed' }),
      )
  })

  test('is exactly the invited one at first contact, and pinned then', () => {
    expect(trustServer(seen(1), expected({ invited: bytes(1) }))).toEqual({ trust: exactly(1), pin: true })
    for (const authority of [false, true])
      expect(() => trustServer(seen(2, authority), expected({ invited: bytes(1) }))).toThrow(
        expect.objectContaining({ why: expect.objectContaining({ code: 'server-not-invited' }) }),
      )
  })

  test('that changed is told with both fingerprints', () => {
    const why = {
      code: 'server-changed',
      address: 'localhost:5000',
      pinned: formatFingerprint(bytes(1)),
      seen: formatFingerprint(bytes(2)),
    }
    expect(() => trustServer(seen(2), expected({ pinned: bytes(1) }))).toThrow(
      expect.objectContaining({ why }),
    )
  })
})
