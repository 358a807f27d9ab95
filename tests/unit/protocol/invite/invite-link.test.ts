import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { accountFingerprint, formatFingerprint } from '../../../../services/protocol/identity/fingerprint.js'
import { formatAddress, InviteError, parseAddress } from '../../../../services/protocol/invite/address.js'
import { formatInvite, isInvite, parseInvite } from '../../../../services/protocol/invite/invite-link.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'

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
const invite = fc.record(
  { host, port, server: hash, inviter, token },
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
  })

  test.each([
    `parley://example.org?s=${S}`,
    `PARLEY://Example.ORG/?s=${S}`,
    `parley://example.org:5000/?later=1&s=${S}`,
  ])('%s is read with the default port', text => {
    expect(parseInvite(text)).toEqual({ host: 'example.org', port: 5000, server: new Uint8Array(32) })
  })

  test.each([
    ['http://example.org/', 'begins with parley://'],
    ['parley://example.org:5000/', "lacks the server's fingerprint"],
    [`parley://example.org/?s=${S.slice(1)}`, "server's fingerprint (s=...) in the invite link is cut off"],
    [`parley://example.org/?s=${S}=`, 'cut off or mistyped'],
    [`parley://example.org/?s=${S.slice(1)}B`, 'cut off or mistyped'],
    [`parley://example.org/?s=${S}&s=${S}`, 'more than once'],
    [`parley://example.org/?s=${S}&i=${S}`, 'no proper handle'],
    [`parley://example.org/?s=${S}&i=Ada.${S}`, 'no proper handle'],
    [`parley://example.org/?s=${S}&i=ada.${S}x`, "inviter's fingerprint"],
    [`parley://example.org/?s=${S}&t=`, 'The token (t=...) in the invite link is cut off'],
    [`parley://example.org/?s=${S}&t=${T}A`, 'token (t=...)'],
    [`parley://example.org/?s=${S}&t=${T.slice(1)}B`, 'token (t=...)'],
    [`parley://example.org/?s=${S}&t=${T}&t=${T}`, '"t=" more than once'],
    [`parley:///?s=${S}`, 'host is missing'],
    [`parley://example.org:0/?s=${S}`, 'not a number from 1 to 65535'],
    [`parley://example.org/more/?s=${S}`, 'not of the form'],
    [`parley://example.org/?s=${S}&x=${'y'.repeat(1024)}`, 'too long'],
  ])('%s: the error says what is wrong', (text, message) => {
    expect(() => parseInvite(text)).toThrow(InviteError)
    expect(() => parseInvite(text)).toThrow(message)
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

  test('none is made for what would not be read', () => {
    const server = new Uint8Array(32)
    expect(() => formatInvite({ host: 'a/b', port: 1, server })).toThrow(InviteError)
    expect(() => formatInvite({ host: 'a', port: 70_000, server })).toThrow(InviteError)
    expect(() => formatInvite({ host: 'a', port: 1, server: server.subarray(1) })).toThrow(InviteError)
    expect(() => formatInvite({ host: 'a', port: 1, server, token: `${T}&s=` })).toThrow(InviteError)
  })
})

describe('addresses', () => {
  test('what is formatted is parsed', () => {
    fc.assert(
      fc.property(fc.record({ host, port }), address => {
        expect(parseAddress(formatAddress(address))).toEqual(address)
      }),
    )
  })

  test.each([
    ['localhost', 'localhost', 5000],
    ['Example.org:6000', 'example.org', 6000],
    ['127.0.0.1:1', '127.0.0.1', 1],
    ['::1', '::1', 5000],
    ['[2001:DB8::1]', '2001:db8::1', 5000],
    ['[::1]:65535', '::1', 65_535],
  ])('%s', (text, expectedHost, expectedPort) => {
    expect(parseAddress(text)).toEqual({ host: expectedHost, port: expectedPort })
  })

  test.each([
    ['', 'host is missing'],
    [':5000', 'host is missing'],
    ['host:', 'port is not a number'],
    ['host:65536', 'port is not a number'],
    ['host:12ab', 'port is not a number'],
    ['host:1:2', 'port is not a number'],
    ['[::1', 'neither'],
    ['[localhost]:5000', 'not an IPv6 address'],
    ['fe80::1%eth0', 'neither'],
    ['-dash', 'neither'],
    ['a b', 'neither'],
    [`${'a'.repeat(254)}`, 'neither'],
  ])('%p is refused', (text, message) => {
    expect(() => parseAddress(text)).toThrow(InviteError)
    expect(() => parseAddress(text)).toThrow(message)
  })
})

test('fingerprints look like those of OpenSSH', () => {
  expect(formatFingerprint(accountFingerprint(crypto, new Uint8Array(0)))).toBe(
    'SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU',
  )
})
