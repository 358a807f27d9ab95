import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { HistoryLineSchema } from '../../../../gen/parley/content/v1/chain_pb.js'
import { concatBytes } from '../../../../services/protocol/bytes.js'
import {
  isSaidElsewhere,
  makeTextStatement,
  readHistoryLine,
  readTextStatement,
  type TextStatement,
  textIn,
} from '../../../../services/protocol/conversation/text-statement.js'
import { makeCertificate } from '../../../../services/protocol/identity/certificate.js'
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
const writer = { accountKey: ada.key, device: pair }
const made = makeTextStatement(crypto, written, writer)
const place = { accountKey: ada.key, deviceKey: ada.first.key, conversationId }
const read = (signed: typeof made, change: Partial<typeof place> = {}) =>
  readTextStatement(crypto, { ...place, ...change }, signed)

describe('a signed text', () => {
  test('is read as it was written', () => {
    const { conversationId: _, ...travels } = written
    expect(read(made)).toEqual(travels)
    const longest = { ...written, text: 'é'.repeat(32 * 1024) }
    expect(read(makeTextStatement(crypto, longest, writer))?.text).toBe(longest.text)
    expect(() => makeTextStatement(crypto, { ...written, text: `${longest.text}.` }, writer)).toThrow(
      RangeError,
    )
  })

  test('no bit of it can be changed, and it was signed for this purpose', () => {
    for (const field of ['statement', 'signature'] as const) {
      for (let bit = 0; bit < made[field].length * 8; bit += 3) {
        const bytes = made[field].slice()
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        expect(read({ ...made, [field]: bytes })).toBe(undefined)
      }
    }
    const signature = sign(crypto, {
      label: 'parley.v1.Proof',
      bytes: concatBytes(ada.key, ada.first.key, conversationId, made.statement),
      privateKey: pair.privateKey,
    })
    expect(read({ ...made, signature })).toBe(undefined)
  })

  test.each([
    ['another size of the group', { groupId: new Uint8Array(15) }],
    ['no count', { count: 0n }],
  ])('with %s is none', (_, wrong) => {
    expect(read(makeTextStatement(crypto, { ...written, ...wrong }, writer))).toBe(undefined)
  })

  test('is of the account, the device and the conversation that it was written for, and of no other', () => {
    expect(read(made, { accountKey: bob.key })).toBe(undefined)
    expect(read(made, { deviceKey: ada.devices[1]!.key })).toBe(undefined)
    expect(read(made, { conversationId: new Uint8Array(32) })).toBe(undefined)
    const short = { ...written, conversationId: new Uint8Array(16) }
    expect(read(makeTextStatement(crypto, short, writer), short)).toBe(undefined)
    const { privateKey } = pair
    const signature = sign(crypto, {
      label: 'parley.content.v1.TextStatement',
      bytes: made.statement,
      privateKey,
    })
    expect(read({ ...made, signature })).toBe(undefined)
  })

  test('its words are shown of what was verified before, and none of what cannot be read', () => {
    expect([textIn(made.statement), textIn(Uint8Array.of(255)), textIn(new Uint8Array(70_000))]).toEqual([
      ...[written.text, '', ''],
    ])
  })

  test('says the same again in another group, and only there, if it does so of the same moment', () => {
    const again = (change: Partial<TextStatement>) => {
      const other = makeTextStatement(crypto, { ...written, count: 9n, ...change }, writer)
      return isSaidElsewhere(made.statement, other.statement)
    }
    const groupId = GROUP_ID.map(byte => byte ^ 1)
    expect(again({ groupId })).toBe(true)
    expect(again({})).toBe(false)
    expect(again({ groupId, text: 'Is this mine?' })).toBe(false)
    expect(again({ groupId, sentAt: written.sentAt + 1 })).toBe(false)
    expect(isSaidElsewhere(made.statement, new Uint8Array(3))).toBe(false)
  })

  test('hostile bytes are none', () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(bytes, bytes, (statement, signature) => {
        expect(readTextStatement(crypto, place, { statement, signature })).toBe(undefined)
      }),
    )
    expect(read({ ...made, statement: new Uint8Array(70_000) })).toBe(undefined)
  })
})

describe('a line that is handed over', () => {
  const line = create(HistoryLineSchema, { text: made, certificate, sequence: 9n })

  const stolen = makeCertificate(crypto, {
    account: bob.account,
    deviceKey: ada.first.key,
    issuedAt: written.sentAt,
  })

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
    [
      'with a certificate of the device that another account has made',
      { certificate: stolen },
      conversationId,
    ],
    ['with no certificate', { certificate: new Uint8Array(3) }, conversationId],
    ['with no text', { text: undefined }, conversationId],
    ['with a forged one', { text: { ...made, signature: new Uint8Array(64) } }, conversationId],
  ])('%s is none', (_, wrong, id) => {
    expect(readHistoryLine(crypto, id, { ...line, ...wrong })).toBe(undefined)
  })
})
