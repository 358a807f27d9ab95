import { describe, expect, test } from '@jest/globals'
import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { withNames } from '../../../../services/endpoint/codes/with-names.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import { byPlace, entryOf, type Message, type Names } from '../../../../services/endpoint/history/entry.js'
import { conversationNumber, messageNumber, sequenceOf } from '../../../../services/endpoint/ids.js'
import { recordOf } from '../../../../services/endpoint/vault/records.js'
import { systemRecord, unreadableRecord } from '../../../../services/endpoint/vault/said.js'
import { makeTextStatement } from '../../../../services/protocol/conversation/text-statement.js'
import { accountKey } from '../../../../services/protocol/keys.js'
import { nodeCrypto } from '../../../../services/protocol/node/crypto.js'

const ID = { conversation: conversationNumber(1n), message: messageNumber(2n) }
const key = (fill: number) => accountKey(new Uint8Array(32).fill(fill))
/** The first is bob, and all others only claim to be. */
const names: Names = {
  nameOf: (account, claimed) => (account[0] === 1 ? 'bob' : `${claimed}~${account[0]}`),
  isClaim: account => account[0] !== 1,
  named: said => withNames(said, account => names.nameOf(account, 'bob')),
}
const of = (message: Parameters<typeof recordOf<'messages'>>[1]) =>
  entryOf(ID, recordOf('messages', message), { peer: '#tea', names })

describe('a line of the history', () => {
  test('of somebody says who it is of, when, and where in the order', () => {
    const text = {
      kind: MessageKind.TEXT,
      fromAccount: key(1),
      fromHandle: 'bob',
      text: 'hi',
      sentAtMs: 7n,
      sequence: sequenceOf(3n),
    }
    expect(of({ ...text, status: MessageStatus.RECEIVED })).toEqual({
      ...{ id: ID, kind: 'text', peer: '#tea', from: 'bob', own: false, text: 'hi' },
      ...{ sentAt: new Date(7), state: 'received', sequence: 3n },
    })
    expect(of({ ...text, fromAccount: key(2) })).toMatchObject({ from: 'bob~2', otherKey: true })
  })

  test('has the words that its device has signed, and no others', () => {
    const { account, device } = makeAccount('bob')
    const place = {
      conversationId: new Uint8Array(32),
      groupId: new Uint8Array(16),
      count: 1n,
      joinedEpoch: 1n,
    }
    const writer = { accountKey: account.publicKey, device }
    const { statement } = makeTextStatement(nodeCrypto, { ...place, sentAt: 7, text: 'signed' }, writer)
    expect(of({ kind: MessageKind.TEXT, statement, text: 'kept beside' })).toMatchObject({ text: 'signed' })
  })

  test('that somebody tells says who does', () => {
    expect(of({ kind: MessageKind.TEXT, fromAccount: key(2), toldBy: key(1) })).toMatchObject({
      hearsay: 'bob',
    })
    expect(of({ kind: MessageKind.TEXT, fromAccount: key(2) }).hearsay).toBeUndefined()
  })

  test.each([
    [MessageStatus.WAITING, 'waiting'],
    [MessageStatus.STORED, 'stored'],
    [MessageStatus.DELIVERED, 'delivered'],
    [MessageStatus.FAILED, 'failed'],
    [MessageStatus.RECEIVED, 'received'],
  ])('of status %d is %s', (status, state) => {
    expect(of({ kind: MessageKind.TEXT, own: true, status })).toMatchObject({ own: true, state })
  })

  test('that nobody wrote says what it says', () => {
    const unreadable = unreadableRecord({ code: 'gap', from: key(1), count: 2n })
    const cause = { code: 'gap', from: 'bob', count: 2n }
    expect(of({ kind: MessageKind.GAP, unreadable })).toMatchObject({ kind: 'gap', cause })
    expect(of({ kind: MessageKind.UNREADABLE, unreadable })).toMatchObject({ kind: 'unreadable', cause })
    const system = systemRecord({ code: 'you-left' })
    expect(of({ kind: MessageKind.EVENT, system })).toMatchObject({
      kind: 'event',
      system: { code: 'you-left' },
    })
  })
})

test('lines stand in the order of the server, and those without a place in it last, as they came', () => {
  const line = (sequence: bigint, text: string) =>
    of({ sequence: sequenceOf(sequence), text } satisfies Partial<Message>)
  const lines = [
    line(0n, 'typed'),
    line(5n, 'five'),
    line(0n, 'typed later'),
    line(2n, 'two'),
    line(5n, 'too'),
  ]
  expect(lines.sort(byPlace).map(({ text }) => text)).toEqual(['two', 'five', 'too', 'typed', 'typed later'])
})
