import { createHash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { ConversationKind } from '../../../../../gen/parley/content/v1/chain_pb.js'
import { fixedConversationId } from '../../../../../services/protocol/conversation/chain/conversation-id.js'
import { nodeCrypto as crypto } from '../../../../../services/protocol/node/crypto.js'

const key = (byte: number) => new Uint8Array(32).fill(byte)
const { DIRECT, OWN_DEVICES } = ConversationKind

test('the id is the hash of the kind and the keys, the lower one first', () => {
  const expected = createHash('sha256')
    .update('parley.content.v1.Conversation\0')
    .update(Uint8Array.of(1))
    .update(key(0x7f))
    .update(key(0x80))
    .digest()
  expect(Buffer.from(fixedConversationId(crypto, DIRECT, [key(0x80), key(0x7f)]))).toEqual(expected)
  expect(Buffer.from(fixedConversationId(crypto, DIRECT, [key(0x7f), key(0x80)]))).toEqual(expected)
})

test('kinds and accounts have ids of their own', () => {
  const ids = [
    fixedConversationId(crypto, DIRECT, [key(1), key(2)]),
    fixedConversationId(crypto, DIRECT, [key(1), key(3)]),
    fixedConversationId(crypto, OWN_DEVICES, [key(1)]),
    fixedConversationId(crypto, OWN_DEVICES, [key(2)]),
  ].map(id => Buffer.from(id).toString('hex'))
  expect(new Set(ids).size).toBe(ids.length)
})

test.each([
  [DIRECT, [key(1)]],
  [DIRECT, [key(1), key(1)]],
  [DIRECT, [key(1), key(2), key(3)]],
  [DIRECT, [key(1), new Uint8Array(31)]],
  [OWN_DEVICES, []],
  [OWN_DEVICES, [key(1), key(2)]],
] as const)('there is no conversation of kind %d among %j', (kind, keys) => {
  expect(() => fixedConversationId(crypto, kind, keys)).toThrow(RangeError)
})
