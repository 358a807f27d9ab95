// The fate of a line is what its type says.

import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import { HearsaySchema } from '../../../../../gen/parley/content/v1/content_pb.js'
import { MessageKind } from '../../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import { type LineType, LineTypes } from '../../../../../services/endpoint/messages/sealing/line-types.js'
import { recordOf } from '../../../../../services/endpoint/vault/records.js'
import { NOTE } from '../../../../support/line-type.js'

const bob = makeAccount('bob')
const ID = new Uint8Array(32).fill(1)
const writer = { accountKey: bob.account.publicKey, handle: 'bob', deviceKey: bob.device.publicKey }
const told = (text: string) => ({ case: 'hearsay', value: create(HearsaySchema, { text }) }) as const

/** Kept backwards, as nothing is: what is given and taken shows to have passed through it. */
const REVERSED: LineType = {
  ...{ kind: MessageKind.TEXT, saidAgain: true, body: () => ({ case: 'text', value: {} }) },
  handedOver: {
    give: ({ text }, certificate) => told(`${reversed(text)}${certificate ? ' certified' : ''}`),
    take: (body, conversationId) =>
      body.case === 'hearsay' && conversationId === ID
        ? { writer, sentAtMs: 1n, sequence: 2n, fields: { text: reversed(body.value.text) } }
        : undefined,
  },
}
const reversed = (text: string) => [...text].reverse().join('')
const types = new LineTypes([NOTE, REVERSED])
const line = (kind: MessageKind) => recordOf('messages', { kind, text: 'abc' })

describe('a line', () => {
  test('has the type of its kind, and none where nobody wrote it', () => {
    expect(types.of(line(NOTE.kind))).toBe(NOTE)
    expect(types.of(line(MessageKind.TEXT))).toBe(REVERSED)
    for (const kind of [MessageKind.UNSPECIFIED, MessageKind.EVENT, MessageKind.GAP])
      expect(types.of(line(kind))).toBeUndefined()
  })

  test('is handed over as its type gives it', () => {
    expect(types.given(line(MessageKind.TEXT), undefined)).toEqual(told('cba'))
    expect(types.given(line(MessageKind.TEXT), bob.certificate)).toEqual(told('cba certified'))
    expect(types.given(line(NOTE.kind), undefined)).toBeUndefined()
    expect(types.given(line(MessageKind.EVENT), undefined)).toBeUndefined()
  })

  test('that was handed over is kept as the type that knows it takes it', () => {
    const fields = { text: 'abc' }
    const kept = { kind: MessageKind.TEXT, writer, sentAtMs: 1n, sequence: 2n, fields }
    expect(types.taken(told('cba'), ID)).toEqual(kept)
    expect(types.taken(told('cba'), new Uint8Array(32))).toBeUndefined()
    expect(types.taken({ case: undefined }, ID)).toBeUndefined()
  })
})
