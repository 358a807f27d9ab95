// The fate of a line is what its type says.

import { describe, expect, test } from '@jest/globals'
import { MessageKind } from '../../../../../gen/parley/vault/v1/records_pb.js'
import {
  type HistoryBody,
  type LineType,
  LineTypes,
} from '../../../../../services/endpoint/messages/sealing/line-types.js'
import { recordOf } from '../../../../../services/endpoint/vault/records.js'
import { NOTE } from '../../../../support/line-type.js'

/** Kept backwards, as nothing is: what is given and taken shows to have passed through it. */
const REVERSED: LineType = {
  ...{ kind: MessageKind.TEXT, saidAgain: true, body: () => ({ case: 'text', value: { text: '' } }) },
  handedOver: {
    give: ({ text }) => ({ case: 'text', value: reversed(text) }),
    take: body =>
      body.case === 'text' && body.value !== 'refused' ? { text: reversed(body.value) } : undefined,
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
    expect(types.given(line(MessageKind.TEXT))).toEqual({ case: 'text', value: 'cba' })
    expect(types.given(line(NOTE.kind))).toBeUndefined()
    expect(types.given(line(MessageKind.EVENT))).toBeUndefined()
  })

  test('that was handed over is kept as the type that knows it takes it', () => {
    const taken = (body: HistoryBody) => types.taken(body)
    expect(taken({ case: 'text', value: 'cba' })).toEqual({ kind: MessageKind.TEXT, text: 'abc' })
    expect(taken({ case: 'text', value: 'refused' })).toBeUndefined()
    expect(taken({ case: undefined })).toBeUndefined()
  })
})
