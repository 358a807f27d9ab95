import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { HistoryLineSchema } from '../../../../gen/parley/content/v1/chain_pb.js'
import {
  makeTextStatement,
  readHistoryLine,
  readTextStatement,
  type TextStatement,
} from '../../../../services/protocol/conversation/text-statement.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { sign } from '../../../../services/protocol/signature.js'
import { GROUP_ID, Person } from '../../../support/chain-people.js'

const ada = new Person(crypto, 1, 2)
const bob = new Person(crypto, 2)
const conversationId = new Uint8Array(32).fill(4)
const written: TextStatement = {
  conversationId,
  groupId: GROUP_ID,
  count: 7n,
  joinedEpoch: 0n,
  sentAt: 1_800_000_000_000,
  text: 'Is this yours?',
}
const { pair, certificate } = ada.first
const made = makeTextStatement(crypto, written, pair)

describe('a signed text', () => {
  test('is read as it was written', () => {
    expect(readTextStatement(crypto, made)).toEqual({ ...written, deviceKey: ada.first.key })
    const longest = { ...written, text: 'é'.repeat(32 * 1024) }
    expect(readTextStatement(crypto, makeTextStatement(crypto, longest, pair))?.text).toBe(longest.text)
    expect(() => makeTextStatement(crypto, { ...written, text: `${longest.text}.` }, pair)).toThrow(
      RangeError,
    )
  })

  test('no bit of it can be changed, and it was signed for this purpose', () => {
    for (const field of ['statement', 'signature'] as const) {
      for (let bit = 0; bit < made[field].length * 8; bit += 3) {
        const bytes = made[field].slice()
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        expect(readTextStatement(crypto, { ...made, [field]: bytes })).toBe(undefined)
      }
    }
    const signature = sign(crypto, {
      label: 'parley.v1.Proof',
      bytes: made.statement,
      privateKey: pair.privateKey,
    })
    expect(readTextStatement(crypto, { ...made, signature })).toBe(undefined)
  })

  test.each([
    ['another size of the conversation', { conversationId: new Uint8Array(16) }],
    ['another size of the group', { groupId: new Uint8Array(15) }],
    ['no count', { count: 0n }],
  ])('with %s is none', (_, wrong) => {
    expect(readTextStatement(crypto, makeTextStatement(crypto, { ...written, ...wrong }, pair))).toBe(
      undefined,
    )
  })

  test('hostile bytes are none', () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(bytes, bytes, (statement, signature) => {
        expect(readTextStatement(crypto, { statement, signature })).toBe(undefined)
      }),
    )
    expect(readTextStatement(crypto, { ...made, statement: new Uint8Array(70_000) })).toBe(undefined)
  })
})

describe('a line that is handed over', () => {
  const line = create(HistoryLineSchema, { text: made, certificate, sequence: 9n })

  test('is the words of its writer', () => {
    expect(readHistoryLine(crypto, conversationId, line)).toMatchObject({
      text: written.text,
      writer: { accountKey: ada.key, deviceKey: ada.first.key },
      sequence: 9n,
    })
  })

  test.each([
    ['of another conversation', { statement: made }, new Uint8Array(32)],
    ['with the certificate of somebody else', { certificate: bob.first.certificate }, conversationId],
    ['with the certificate of another device', { certificate: ada.devices[1]!.certificate }, conversationId],
    ['with no certificate', { certificate: new Uint8Array(3) }, conversationId],
    ['with no text', { text: undefined }, conversationId],
    ['with a forged one', { text: { ...made, signature: new Uint8Array(64) } }, conversationId],
  ])('%s is none', (_, wrong, id) => {
    expect(readHistoryLine(crypto, id, { ...line, ...wrong })).toBe(undefined)
  })
})
