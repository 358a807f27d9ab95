// The conversations that a person sees, and their histories.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import type { Conversations } from '../../../../services/endpoint/history/conversations.js'
import {
  type ConversationNumber,
  conversationNumber,
  messageNumber,
  sequenceOf,
} from '../../../../services/endpoint/ids.js'
import { makeTextStatement } from '../../../../services/protocol/conversation/text-statement.js'
import { nodeCrypto } from '../../../../services/protocol/node/crypto.js'
import { openTestContext, pinned, type TestContext } from '../../../support/endpoint-context.js'

let testing: TestContext
const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')

beforeEach(async () => {
  testing = await openTestContext(alice)
  await pinned(testing, bob, carol)
  testing.told.length = 0
})

/** Does something to the conversations and saves it. */
const act = <T>(work: (conversations: Conversations, tx: Parameters<Conversations['open']>[0]) => T) =>
  testing.written((tx, { context }) => work(context.conversations, tx))
const conversations = () => testing.context.conversations

describe('a conversation', () => {
  test('with a person is one, whoever opens it', async () => {
    const number = await act((all, tx) => all.open(tx, bob.account.publicKey))
    expect(await act((all, tx) => all.open(tx, bob.account.publicKey))).toBe(number)
    expect(await act((all, tx) => all.openForHistory(tx, bob.account.publicKey))).toBe(number)
    expect(conversations().withPerson(bob.account.publicKey)).toBe(number)
    expect(conversations().withPerson(carol.account.publicKey)).toBeUndefined()
    expect(conversations().all()).toEqual([{ number, kind: 'direct', peer: 'bob' }])
    expect(testing.told).toEqual([
      { type: 'conversation', peer: 'bob', conversation: number, state: 'opened' },
    ])
    expect(conversations().isFromHistory(number)).toBe(false)
  })

  test('of a history that was handed over says so', async () => {
    const number = await act((all, tx) => all.openForHistory(tx, bob.account.publicKey))
    expect(conversations().isFromHistory(number)).toBe(true)
    expect(await act((all, tx) => all.open(tx, bob.account.publicKey))).toBe(number)
  })

  test('of own devices is one, and a person hears nothing of it', async () => {
    expect(conversations().ownDevices()).toBeUndefined()
    const number = await act((all, tx) => all.openOwnDevices(tx))
    expect(await act((all, tx) => all.openOwnDevices(tx))).toBe(number)
    expect(conversations().ownDevices()).toBe(number)
    expect(conversations().kind(number)).toBe('own-devices')
    expect(testing.told).toEqual([])
  })

  test('that is not known has no name, and counts as one with a person', () => {
    expect([
      conversations().peer(conversationNumber(99n)),
      conversations().kind(conversationNumber(99n)),
    ]).toEqual(['?', 'direct'])
  })
})

describe('rooms', () => {
  test('are each their own, and the later ones of one name have their number behind it', async () => {
    const [first, second] = [
      await act((all, tx) => all.openRoom(tx, 'tea')),
      await act((all, tx) => all.openRoom(tx, 'tea')),
    ]
    expect([first, second].map(number => conversations().peer(number!))).toEqual(['#tea', `#tea~${second}`])
  })

  test('that are renamed leave others called as they were', async () => {
    const [first, second] = [
      await act((all, tx) => all.openRoom(tx, 'tea')),
      await act((all, tx) => all.openRoom(tx, 'tea')),
    ]
    await act((all, tx) => all.rename(tx, first!, 'coffee'))
    expect([first, second].map(number => conversations().peer(number!))).toEqual(['#coffee', '#tea~2'])
    await act((all, tx) => all.rename(tx, conversationNumber(99n), 'nothing'))
    expect(conversations().all()).toHaveLength(2)
  })
})

const text = (written: string, sequence = 0n) => ({
  ...{
    kind: MessageKind.TEXT,
    text: written,
    sequence: sequenceOf(sequence),
    sentAtMs: 0n,
    fromDevice: new Uint8Array(32).fill(1),
  },
  status: MessageStatus.RECEIVED,
})
const texts = (number: ConversationNumber, limit?: number) =>
  conversations()
    .history(number, limit)
    .map(line => line.text)

describe('a history', () => {
  test('has its lines in the order in which they came, through all conversations', async () => {
    const [withBob, withCarol] = [
      await act((all, tx) => all.open(tx, bob.account.publicKey)),
      await act((all, tx) => all.open(tx, carol.account.publicKey)),
    ]
    const ids = await act((all, tx) =>
      (
        [
          [withBob, 'one'],
          [withCarol, 'two'],
          [withBob, 'three'],
        ] as const
      ).map(([number, written]) => all.append(tx, number!, text(written)).id.message),
    )
    expect([...ids].sort()).toEqual(ids)
    expect(new Set(ids).size).toBe(3)
    expect([texts(withBob!), texts(withCarol!)]).toEqual([['one', 'three'], ['two']])
    expect(texts(withBob!, 1)).toEqual(['three'])
    expect(testing.told.filter(({ type }) => type === 'message')).toHaveLength(3)
  })

  test('has the words of an own line as it was sealed', async () => {
    const direct = await act((all, tx) => all.open(tx, bob.account.publicKey))
    const { id } = await act((all, tx) => all.append(tx, direct, text('typed')))
    const place = {
      conversationId: new Uint8Array(32),
      groupId: new Uint8Array(16),
      count: 1n,
      joinedEpoch: 1n,
    }
    const writer = { accountKey: alice.account.publicKey, device: alice.device }
    const signed = makeTextStatement(nodeCrypto, { ...place, sentAt: 1, text: 'signed' }, writer)
    await act((all, tx) => all.noteSigned(tx, id, signed))
    expect(texts(direct)).toEqual(['signed'])
    expect(testing.context.conversations.message(id)?.text).toBe('')
    await act((all, tx) => all.noteSigned(tx, { ...id, message: messageNumber(9n) }, signed))
    expect(texts(direct)).toEqual(['signed'])
  })

  test('has what was handed over at its place in the order', async () => {
    const direct = await act((all, tx) => all.open(tx, bob.account.publicKey))
    await act((all, tx) => {
      for (const [written, sequence] of [
        ['five', 5n],
        ['seven', 7n],
        ['typed', 0n],
      ] as const)
        all.append(tx, direct, text(written, sequence))
    })
    testing.told.length = 0
    await act((all, tx) => {
      expect(all.file(tx, direct, text('two', 2n))).toBe(true)
      expect(all.file(tx, direct, text('six', 6n))).toBe(true)
    })
    expect(texts(direct)).toEqual(['two', 'five', 'six', 'seven', 'typed'])
    expect([texts(direct, 2), texts(direct, 4)]).toEqual([
      ['seven', 'typed'],
      ['five', 'six', 'seven', 'typed'],
    ])
    expect(testing.told).toEqual([])
  })

  test('has nothing twice, whether it came by itself before or was handed over', async () => {
    const direct = await act((all, tx) => all.open(tx, bob.account.publicKey))
    await act((all, tx) => all.append(tx, direct, text('five', 5n)))
    const file = (sequence: bigint) => act((all, tx) => all.file(tx, direct, text('again', sequence)))
    expect([await file(5n), await file(6n), await file(6n)]).toEqual([false, true, false])
    expect(texts(direct)).toEqual(['five', 'again'])
  })

  test('counts the lines that are handed over until the last has come', async () => {
    const direct = await act((all, tx) => all.open(tx, bob.account.publicKey))
    const count = (lines: number, last: boolean) => act((all, tx) => all.countHanded(tx, direct, lines, last))
    expect([await count(3, false), await count(4, false), await count(2, true)]).toEqual([3, 7, 9])
    expect(await count(1, true)).toBe(1)
    expect(await act((all, tx) => all.countHanded(tx, conversationNumber(99n), 5, true))).toBe(0)
  })
})

describe('the state of a message', () => {
  const made = async () => {
    const direct = await act((all, tx) => all.open(tx, bob.account.publicKey))
    const { id } = await act((all, tx) =>
      all.append(tx, direct, { ...text('mine'), own: true, status: MessageStatus.WAITING }),
    )
    testing.told.length = 0
    return id
  }
  type Update = Parameters<Conversations['update']>[2]

  test('goes on, with its place in the order, and is told', async () => {
    const id = await made()
    await act((all, tx) => all.update(tx, id, { status: MessageStatus.STORED, sequence: sequenceOf(4n) }))
    expect(conversations().message(id)).toMatchObject({ status: MessageStatus.STORED, sequence: 4n })
    await act((all, tx) => all.update(tx, id, { status: MessageStatus.DELIVERED }))
    expect(testing.told).toEqual([
      { type: 'state', id, peer: 'bob', state: 'stored', sequence: 4n },
      { type: 'state', id, peer: 'bob', state: 'delivered', sequence: 4n },
    ])
  })

  test('never goes back from delivered, and takes its place all the same', async () => {
    const id = await made()
    await act((all, tx) => all.update(tx, id, { status: MessageStatus.DELIVERED }))
    testing.told.length = 0
    await act((all, tx) => all.update(tx, id, { status: MessageStatus.STORED, sequence: sequenceOf(4n) }))
    expect(conversations().message(id)).toMatchObject({ status: MessageStatus.DELIVERED, sequence: 4n })
    expect(testing.told).toEqual([])
  })

  test.each<[string, Update, number]>([
    ['that it has already is not told', { status: MessageStatus.WAITING }, 0],
    ['failed says why', { status: MessageStatus.FAILED, failure: 'too-large' }, 1],
  ])('%s', async (_, change, told) => {
    const id = await made()
    await act((all, tx) => all.update(tx, id, change))
    expect(testing.told).toHaveLength(told)
    if (change.failure) expect(testing.told[0]).toMatchObject({ state: 'failed', failure: 'too-large' })
  })

  test('of a message that is not there is nobody’s', async () => {
    await act((all, tx) =>
      all.update(
        tx,
        { conversation: conversationNumber(9n), message: messageNumber(9n) },
        { status: MessageStatus.STORED },
      ),
    )
    expect(testing.told).toEqual([])
  })

  test('that was given a place is known to what is handed over', async () => {
    const id = await made()
    const filed = { ...text('handed', 1n) }
    await act((all, tx) => all.file(tx, id.conversation, filed))
    await act((all, tx) => all.update(tx, id, { status: MessageStatus.STORED, sequence: sequenceOf(4n) }))
    expect(await act((all, tx) => all.file(tx, id.conversation, text('again', 4n)))).toBe(false)
  })
})
