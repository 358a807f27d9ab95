import { describe, expect, test } from '@jest/globals'
import { type Trusted, trustServer } from '../../../../services/endpoint/line/server-trust.js'
import { formatFingerprint } from '../../../../services/protocol/identity/fingerprint.js'

const bytes = (fill: number) => new Uint8Array(32).fill(fill)
const seen = (fill: number, authority = false) => ({
  certificate: `PEM ${fill}`,
  fingerprint: bytes(fill),
  authority,
  notAfter: new Date(),
})
const expected = (known: { trusted?: Trusted; invited?: Uint8Array; host?: string }) => ({
  host: known.host ?? 'chat.example',
  port: 5000,
  trusted: known.trusted ?? { case: undefined },
  invited: known.invited,
})
const pinned = (fill: number): Trusted => ({ case: 'pinnedFingerprint', value: bytes(fill) })
const vouched: Trusted = { case: 'vouchedHost', value: 'chat.example' }
const exactly = (fill: number) => ({ kind: 'pinned', certificate: `PEM ${fill}` })
const stoppedBy = (why: object) => expect.objectContaining({ name: 'LineStopped', why })

describe('the server that answers first', () => {
  test('is pinned, whatever it is', () => {
    expect(trustServer(seen(1), expected({}))).toEqual({ trust: exactly(1), isFirst: true })
  })

  test('is not pinned where an authority vouches for it', () => {
    expect(trustServer(seen(1, true), expected({}))).toEqual({ trust: { kind: 'authority' }, isFirst: true })
  })

  test('is exactly the invited one, and pinned then, also where an authority vouches for it', () => {
    for (const authority of [false, true]) {
      const trust = trustServer(seen(1, authority), expected({ invited: bytes(1) }))
      expect(trust).toEqual({ trust: exactly(1), isFirst: true })
      expect(() => trustServer(seen(2, authority), expected({ invited: bytes(1) }))).toThrow(
        stoppedBy(expect.objectContaining({ code: 'server-not-invited' })),
      )
    }
  })
})

describe('a server that was pinned', () => {
  test('is exactly that one, even where an authority vouches for another', () => {
    expect(trustServer(seen(1), expected({ trusted: pinned(1) }))).toEqual({
      trust: exactly(1),
      isFirst: false,
    })
    for (const authority of [false, true])
      expect(() => trustServer(seen(2, authority), expected({ trusted: pinned(1) }))).toThrow(
        expect.objectContaining({ name: 'LineStopped', reason: 'server-changed' }),
      )
  })

  test('is told with both fingerprints when it has changed', () => {
    const why = {
      code: 'server-changed',
      address: 'chat.example:5000',
      pinned: formatFingerprint(bytes(1)),
      seen: formatFingerprint(bytes(2)),
    }
    expect(() => trustServer(seen(2), expected({ trusted: pinned(1) }))).toThrow(stoppedBy(why))
  })
})

describe('a server that an authority vouched for', () => {
  test('may have another key that one vouches for under the same name', () => {
    expect(trustServer(seen(2, true), expected({ trusted: vouched }))).toEqual({
      trust: { kind: 'authority' },
      isFirst: false,
    })
  })

  test.each([
    ['of its own making', false, 'chat.example'],
    ['for another name', true, 'evil.example'],
  ])(
    'is not taken with a certificate %s, not even with the key that an invite link names',
    (_, authority, host) => {
      for (const invited of [undefined, bytes(2)])
        expect(() =>
          trustServer(seen(2, authority), expected({ trusted: vouched, host, ...(invited && { invited }) })),
        ).toThrow(
          stoppedBy({
            code: 'server-not-vouched',
            address: `${host}:5000`,
            host: 'chat.example',
            seen: formatFingerprint(bytes(2)),
          }),
        )
    },
  )
})
