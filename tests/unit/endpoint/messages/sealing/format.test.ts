import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import { decodeContent, encodeContent } from '../../../../../services/endpoint/messages/sealing/format.js'
import { pad } from '../../../../../services/protocol/content/padding.js'
import { makeTextStatement } from '../../../../../services/protocol/conversation/text-statement.js'
import { nodeCrypto } from '../../../../../services/protocol/node/crypto.js'
import { TEXT_BYTES } from '../../../../../services/protocol/sizes.js'

const nameOf = (padded: Uint8Array) => {
  const body = decodeContent(padded)?.body
  return body?.case === 'deviceName' ? body.value.name : undefined
}
const named = (name: string) => ({ case: 'deviceName', value: { name } }) as const
const sealed = (name: string) => pad(encodeContent({ count: 7n, body: named(name) }))
/** As its device signs it: where nothing is large but the text. */
function longest() {
  const { account, device } = makeAccount('alice')
  const place = {
    conversationId: new Uint8Array(32),
    groupId: new Uint8Array(16),
    joinedEpoch: 2n ** 64n - 1n,
  }
  const written = { ...place, count: 2n ** 64n - 1n, sentAt: Date.now(), text: 'x'.repeat(TEXT_BYTES) }
  const signed = makeTextStatement(nodeCrypto, written, { accountKey: account.publicKey, device })
  return pad(encodeContent({ count: 7n, body: { case: 'text', value: { signed } } }))
}

describe('content', () => {
  test('is read back as it was written, whatever the text is', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 2000 }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (text, count) => {
          const padded = pad(encodeContent({ count, sentAtMs: 5n, body: named(text) }))
          const content = decodeContent(padded)
          expect(content).toMatchObject({ count, sentAtMs: 5n })
          expect(nameOf(padded)).toBe(text)
        },
      ),
    )
  })

  test('of the longest text fits the largest bucket', () => {
    expect(longest()).toHaveLength(128 * 1024)
  })

  test('without its padding, or with another encoding, is refused without an error', () => {
    const refused = [[], [0], [0x80 ^ 1, 0], new Array(256).fill(0), [...encodeContent({ count: 1n })]]
    for (const bytes of refused) expect(decodeContent(Uint8Array.from(bytes))).toBeUndefined()
    // A name that is not UTF-8.
    expect(decodeContent(pad(Uint8Array.of(0x52, 3, 0x0a, 1, 0xff)))).toBeUndefined()
  })

  test('of hostile bytes never throws, and ends at the last 0x80', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), bytes => {
        expect(() => decodeContent(bytes)).not.toThrow()
        expect(() => decodeContent(pad(bytes))).not.toThrow()
      }),
      { numRuns: 2000 },
    )
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), (at, value) => {
        const bytes = sealed('a text that is altered somewhere')
        bytes[at % bytes.length] = value
        expect(() => decodeContent(bytes)).not.toThrow()
      }),
    )
  })

  test('of a newer version is content without a body', () => {
    // Field 16, which no version has yet.
    const content = decodeContent(pad(Uint8Array.of(8, 1, 0x82, 1, 1, 0)))
    expect(content).toMatchObject({ count: 1n, body: { case: undefined } })
  })
})
