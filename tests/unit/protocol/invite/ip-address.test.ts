import { isIPv4 as nodeIsIPv4, isIPv6 as nodeIsIPv6 } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { isIPv4, isIPv6 } from '../../../../services/protocol/invite/ip-address.js'

const pieces = fc.constantFrom(':', '::', '0', '1', 'ffff', 'FFFF', '12345', 'g', '.', '1.2.3.4', '256', '')
const nearly = fc.array(pieces, { maxLength: 16 }).map(parts => parts.join(''))
const near = (addresses: fc.Arbitrary<string>) =>
  fc.tuple(addresses, fc.nat(), fc.constantFrom(':', '.', '0', 'f', 'x', '')).map(([address, at, piece]) => {
    const place = at % (address.length + 1)
    return address.slice(0, place) + piece + address.slice(place + 1)
  })

describe('IP addresses', () => {
  test('are those of Node, but for zones', () => {
    const text = fc.oneof(fc.ipV6(), fc.ipV4(), near(fc.ipV6()), near(fc.ipV4()), nearly, fc.string())
    fc.assert(
      fc.property(text, each => {
        expect(isIPv4(each)).toBe(nodeIsIPv4(each))
        expect(isIPv6(each)).toBe(nodeIsIPv6(each) && !each.includes('%'))
      }),
      { numRuns: 10_000 },
    )
  })

  test.each(['::', '::1', '1::', '1:2:3:4:5:6:7:8', '::ffff:1.2.3.4', '1:2:3:4:5:6:1.2.3.4', 'A::f'])(
    '%s is of version 6',
    text => {
      expect(isIPv6(text)).toBe(true)
    },
  )

  test.each([
    ...['', ':', ':::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8', '1::2::3', '12345::'],
    ...[
      ':1::2',
      '1::2:',
      '1.2.3.4::',
      '::1.2.3.4:5',
      '::1.2.3',
      '::01.2.3.4',
      'fe80::1%eth0',
      '[::1]',
      ' ::1',
    ],
  ])('%j is not', text => {
    expect(isIPv6(text)).toBe(false)
  })
})
