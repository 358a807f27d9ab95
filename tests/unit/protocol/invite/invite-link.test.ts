import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { InviteError } from '../../../../services/protocol/invite/address.js'
import {
  formatInvite,
  isInvite,
  newInviteToken,
  parseInvite,
} from '../../../../services/protocol/invite/invite-link.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { keyPairOf } from '../../../../services/protocol/signature.js'

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 })
const port = fc.integer({ min: 1, max: 65_535 })
const host = fc.oneof(
  fc.domain().map(name => name.toLowerCase()),
  fc.ipV4(),
  fc.ipV6().map(address => address.toLowerCase()),
  fc.constantFrom('localhost', 'chat_server', '::1'),
)
const handle = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,31}$/)
const inviter = fc.record({ handle, account: hash })
const token = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map(bytes => Buffer.from(bytes).toString('base64url'))
const serverId = fc.uint8Array({ minLength: 16, maxLength: 16 })
const directoryKey = hash.map(seed => keyPairOf(crypto, seed).publicKey)
const invite = fc.record(
  { host, port, server: hash, serverId, directoryKey, inviter, token },
  { requiredKeys: ['host', 'port', 'server'] },
)

const S = 'A'.repeat(43)
const T = 'A'.repeat(22)

describe('invite links', () => {
  test('what is formatted is parsed', () => {
    fc.assert(
      fc.property(invite, value => {
        const link = formatInvite(value)
        expect(isInvite(link)).toBe(true)
        expect(parseInvite(link)).toEqual(value)
      }),
    )
  })

  test('what was wrapped on its way is the same link', () => {
    fc.assert(
      fc.property(invite, fc.integer({ min: 10, max: 80 }), (value, columns) => {
        const wrapped = formatInvite(value).replace(new RegExp(`.{${columns}}`, 'g'), '$&\n  ')
        expect(isInvite(` ${wrapped}`)).toBe(true)
        expect(parseInvite(` ${wrapped}`)).toEqual(value)
      }),
    )
  })

  test('the form stays as it was published', () => {
    const server = new Uint8Array(32)
    const link = formatInvite({
      host: '::1',
      port: 5000,
      server,
      inviter: { handle: 'a.b', account: server },
      token: T,
    })
    expect(link).toBe(`parley://[::1]:5000/?s=${S}&i=a.b.${S}&t=${T}`)
    expect(formatInvite({ host: 'a', port: 1, server, token: T })).toBe(`parley://a:1/?s=${S}&t=${T}`)
    const { publicKey: directoryKey } = keyPairOf(crypto, server)
    const whole = { host: 'a', port: 1, server, serverId: server.slice(16), directoryKey, token: T }
    expect(formatInvite(whole)).toBe(
      `parley://a:1/?s=${S}&n=${'A'.repeat(22)}&d=O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik&t=${T}`,
    )
  })

  test.each([
    `parley://example.org?s=${S}`,
    `PARLEY://Example.ORG/?s=${S}`,
    `parley://example.org:5000/?later=1&s=${S}`,
  ])('%s is read with the default port', text => {
    expect(parseInvite(text)).toEqual({ host: 'example.org', port: 5000, server: new Uint8Array(32) })
  })

  test.each([
    ['http://example.org/', { code: 'not-a-link', scheme: 'parley://' }],
    ['parley://example.org:5000/', { code: 'no-server-key' }],
    [`parley://example.org/?s=${S.slice(1)}`, { code: 'bad-server-key' }],
    [`parley://example.org/?s=${S}=`, { code: 'bad-server-key' }],
    [`parley://example.org/?s=${S}&d=${S}`, { code: 'bad-server-key' }],
    [`parley://example.org/?s=${S}&d=${S.slice(1)}`, { code: 'bad-server-key' }],
    [`parley://example.org/?s=${S.slice(1)}B`, { code: 'bad-server-key' }],
    [`parley://example.org/?s=${S}&s=${S}`, { code: 'repeated', parameter: 's' }],
    [`parley://example.org/?s=${S}&i=${S}`, { code: 'bad-inviter' }],
    [`parley://example.org/?s=${S}&i=Ada.${S}`, { code: 'bad-inviter' }],
    [`parley://example.org/?s=${S}&i=ada.${S}x`, { code: 'bad-inviter-key' }],
    [`parley://example.org/?s=${S}&t=`, { code: 'bad-token' }],
    [`parley://example.org/?s=${S}&t=${T}A`, { code: 'bad-token' }],
    [`parley://example.org/?s=${S}&t=${T.slice(1)}B`, { code: 'bad-token' }],
    [`parley://example.org/?s=${S}&t=${T}&t=${T}`, { code: 'repeated', parameter: 't' }],
    [`parley:///?s=${S}`, { code: 'no-host' }],
    [`parley://example.org:0/?s=${S}`, { code: 'bad-port', highest: 65_535 }],
    [`parley://example.org/more/?s=${S}`, { code: 'bad-link' }],
    [`parley://example.org/?s=${S}&x=${'y'.repeat(1024)}`, { code: 'link-too-long' }],
  ])('%s: the error says what is wrong', (text, why) => {
    expect(() => parseInvite(text)).toThrow(InviteError)
    expect(() => parseInvite(text)).toThrow(expect.objectContaining({ why }))
  })

  test('hostile text is refused with InviteError or formats to what means the same', () => {
    const pieces = fc.constantFrom(
      'parley://',
      'h',
      '[',
      ']',
      ':',
      '/',
      '?',
      's=',
      '&',
      'i=',
      't=',
      T,
      '%00',
      '\u0000',
      S,
    )
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces).map(parts => `parley://${parts.join('')}`),
    )
    fc.assert(
      fc.property(text, hostile => {
        try {
          const read = parseInvite(hostile)
          expect(parseInvite(formatInvite(read))).toEqual(read)
        } catch (error) {
          expect(error).toBeInstanceOf(InviteError)
        }
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    ['a host that is none', { host: 'a/b' }, 'bad-host'],
    ['a port that is none', { port: 70_000 }, 'bad-port'],
    ['a fingerprint that is cut off', { server: new Uint8Array(31) }, 'bad-server-key'],
    ['a handle that is none', { inviter: { handle: 'Ada', account: new Uint8Array(32) } }, 'bad-inviter'],
    ['a cut key', { inviter: { handle: 'ada', account: new Uint8Array(31) } }, 'bad-inviter-key'],
    ['a token with more behind it', { token: `${T}&s=` }, 'bad-token'],
  ])('none is made with %s', (_, wrong, code) => {
    const make = () => formatInvite({ host: 'a', port: 1, server: new Uint8Array(32), ...wrong })
    expect(make).toThrow(InviteError)
    expect(make).toThrow(expect.objectContaining({ why: expect.objectContaining({ code }) }))
  })

  test('up to 1,024 characters are read, whatever white space stands between them', () => {
    const link = `parley://example.org/?s=${S}&x=`
    const longest = link + 'y'.repeat(1024 - link.length)
    expect(parseInvite(longest).host).toBe('example.org')
    expect(() => parseInvite(`${longest}y`)).toThrow(InviteError)
    expect(() => parseInvite(' '.repeat(2048) + longest)).toThrow(InviteError)
  })

  test('a token is 16 random bytes in a form that fits in a link', () => {
    const tokens = Array.from({ length: 100 }, () => newInviteToken(crypto))
    expect(new Set(tokens).size).toBe(100)
    for (const each of tokens) {
      expect(each).toMatch(/^[A-Za-z0-9_-]{22}$/)
      const link = formatInvite({ host: 'a', port: 1, server: new Uint8Array(32), token: each })
      expect(parseInvite(link).token).toBe(each)
    }
  })
})
