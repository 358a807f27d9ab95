import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { formatAddress, InviteError, parseAddress } from '../../../../services/protocol/invite/address.js'

const port = fc.integer({ min: 1, max: 65_535 })
const host = fc.oneof(
  fc.domain().map(name => name.toLowerCase()),
  fc.ipV4(),
  fc.ipV6().map(address => address.toLowerCase()),
  fc.constantFrom('localhost', 'chat_server', '::1'),
)

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
    [`${'a.'.repeat(126)}b`, `${'a.'.repeat(126)}b`, 5000],
  ])('%s', (text, expectedHost, expectedPort) => {
    expect(parseAddress(text)).toEqual({ host: expectedHost, port: expectedPort })
  })

  test.each([
    ['', { code: 'no-host' }],
    [':5000', { code: 'no-host' }],
    ['host:', { code: 'bad-port', highest: 65_535 }],
    ['host:65536', { code: 'bad-port', highest: 65_535 }],
    ['host:12ab', { code: 'bad-port', highest: 65_535 }],
    ['host:1:2', { code: 'bad-port', highest: 65_535 }],
    ['[::1', { code: 'bad-host' }],
    ['[::1]x', { code: 'bad-host' }],
    ['x[::1]:5', { code: 'bad-host' }],
    ['host:1\n2', { code: 'bad-address' }],
    ['[localhost]:5000', { code: 'bad-brackets' }],
    ['fe80::1%eth0', { code: 'bad-host' }],
    ['-dash', { code: 'bad-host' }],
    ['a b', { code: 'bad-host' }],
    [`${'a'.repeat(254)}`, { code: 'bad-host' }],
  ])('%p is refused', (text, why) => {
    expect(() => parseAddress(text)).toThrow(InviteError)
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ name: 'InviteError' }))
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ why }))
  })

  test('hostile text is refused with InviteError, or formats to what means the same', () => {
    const pieces = fc.constantFrom('h', '[', ']', ':', '::', '1', '.', '%', '-', '5000', '\u0000', ' ')
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces).map(parts => parts.join('')),
    )
    fc.assert(
      fc.property(text, hostile => {
        try {
          const read = parseAddress(hostile)
          expect(parseAddress(formatAddress(read))).toEqual(read)
        } catch (error) {
          expect(error).toBeInstanceOf(InviteError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
