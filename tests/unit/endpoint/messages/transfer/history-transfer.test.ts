// Handing over what was said before, part by part.

import { beforeEach, describe, expect, test } from '@jest/globals'
import type { HistoryMessage } from '../../../../../gen/parley/content/v1/content_pb.js'
import { GroupKind } from '../../../../../gen/parley/content/v1/room_pb.js'
import { MessageKind, MessageStatus } from '../../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import { type Sequence, sequenceOf } from '../../../../../services/endpoint/ids.js'
import { OUTBOX_WINDOW } from '../../../../../services/endpoint/messages/sealing/outbox.js'
import {
  sealTransfers,
  startTransfer,
  type TransferInit,
} from '../../../../../services/endpoint/messages/transfer/history-transfer.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'
import { NOTE, WITH_NOTES } from '../../../../support/line-type.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const phone = secondDevice(alice)

let testing: TestContext
let room: TestGroup
/** With bob, to whom the room is handed over. */
let direct: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [bob, carol] })
  direct = await TestGroup.of(testing, { others: [bob] })
})

interface Line {
  text: string
  sentAtMs?: bigint
  sequence?: Sequence
  kind?: MessageKind
}

const said = (...lines: Line[]) =>
  testing.written((tx, { context }) => {
    for (const [index, line] of lines.entries())
      context.conversations.append(tx, room.conversation, {
        ...{
          kind: MessageKind.TEXT,
          fromAccount: carol.account.publicKey,
          fromHandle: 'carol',
          sentAtMs: 1_000n,
          sequence: sequenceOf(BigInt(index + 1)),
        },
        ...{ status: MessageStatus.RECEIVED, ...line },
      })
  })
const numbered = (count: number, text = (index: number) => `${index}`) =>
  Array.from({ length: count }, (_, index) => ({ text: text(index) }))

const note = (to: TransferInit, conversation = room.conversation) =>
  testing.written(tx => startTransfer(tx, conversation, to))
const toBob = (more: TransferInit = {}) =>
  note({ toAccount: bob.account.publicKey, conversationId: room.live.record.conversationId, ...more })
const seal = () => testing.written((tx, unit) => sealTransfers(unit.context, tx))
const text = (value: string) => ({ case: 'text', value }) as const
const due = () => testing.context.records.keys('transfers').length
const parts = (group = direct) =>
  group.sent().flatMap(body => (body.case === 'historyPart' ? [body.value] : []))
const textOf = ({ body }: HistoryMessage) => (body.case === 'text' ? body.value : '')
const texts = (group = direct) => parts(group).flatMap(({ messages }) => messages.map(textOf))

describe('what is handed over', () => {
  test('is every text in the order of the server, with who sent it and when', async () => {
    await said({ text: 'one' }, { text: 'two', sentAtMs: 5n })
    await toBob()
    await seal()
    expect(parts()).toMatchObject([
      {
        conversationId: room.live.record.conversationId,
        peerHandle: '',
        last: true,
        messages: [
          {
            fromAccount: carol.account.publicKey,
            fromHandle: 'carol',
            body: text('one'),
            sentAtMs: 1_000n,
            sequence: 1n,
          },
          {
            fromAccount: carol.account.publicKey,
            fromHandle: 'carol',
            body: text('two'),
            sentAtMs: 5n,
            sequence: 2n,
          },
        ],
      },
    ])
    expect(due()).toBe(0)
  })

  test('is nothing that is older than was agreed', async () => {
    await said({ text: 'older', sentAtMs: 999n }, { text: 'as old', sentAtMs: 1_000n })
    await toBob({ sinceMs: 1_000n })
    await seal()
    expect(texts()).toEqual(['as old'])
  })

  test('is nothing that is on its way still, or that nobody wrote', async () => {
    await said(
      { text: 'waits', sequence: sequenceOf(0n) },
      { text: 'event', kind: MessageKind.EVENT },
      { text: 'text' },
    )
    await toBob()
    await seal()
    expect(texts()).toEqual(['text'])
  })

  test('is nothing of a type that is not handed over', async () => {
    await said({ text: 'kept back', kind: NOTE.kind }, { text: 'text' })
    await toBob()
    await testing.written((tx, unit) => sealTransfers({ ...unit.context, lines: WITH_NOTES }, tx))
    expect(texts()).toEqual(['text'])
    expect(due()).toBe(0)
  })

  test('is told of in no part where there is nothing', async () => {
    await toBob()
    await seal()
    expect([parts(), due()]).toEqual([[], 0])
  })

  test('of a conversation with a person names them', async () => {
    const own = await TestGroup.of(testing, { kind: GroupKind.OWN_DEVICES, others: [phone] })
    await testing.written((tx, { context }) =>
      context.conversations.append(tx, direct.conversation, {
        ...{ kind: MessageKind.TEXT, fromHandle: 'bob', text: 'hi', sequence: sequenceOf(4n) },
        status: MessageStatus.RECEIVED,
      }),
    )
    await note({ toDevice: phone.device.publicKey }, direct.conversation)
    await seal()
    expect(parts(own)).toMatchObject([
      { peerAccount: bob.account.publicKey, peerHandle: 'bob', last: true, messages: [{ body: text('hi') }] },
    ])
  })
})

describe('a long history', () => {
  test('goes in parts of bounded size, of which the last says so', async () => {
    await said(...numbered(3, () => 'x'.repeat(20_000)))
    await toBob()
    await seal()
    expect(parts().map(({ messages, last }) => [messages.length, last])).toEqual([
      [2, false],
      [1, true],
    ])
  })

  test('has a text that is larger than a part in one of its own', async () => {
    await said({ text: 'small' }, { text: 'y'.repeat(60_000) }, { text: 'small again' })
    await toBob()
    await seal()
    expect(parts().map(({ messages }) => messages.map(each => textOf(each).length))).toEqual([
      [5],
      [60_000],
      [11],
    ])
  })

  test('of many lines goes on where the last unit of work had come', async () => {
    await said(...numbered(1_100))
    await toBob()
    await seal()
    const first = texts().length
    expect([first, due()]).toEqual([4 * 256, 1])
    await seal()
    expect(texts()).toEqual(numbered(1_100).map(({ text }) => text))
    expect(parts().filter(({ last }) => last)).toHaveLength(1)
    expect(due()).toBe(0)
  })

  test('leaves room for what a person writes', async () => {
    await said(...numbered(2, () => 'x'.repeat(40_000)))
    await toBob()
    await testing.written((tx, { outbox }) => {
      const value = { $typeName: 'parley.vault.v1.OutboxRejoin' as const, request: new Uint8Array() }
      for (let count = 0; count < OUTBOX_WINDOW - 17; count++)
        outbox.add(tx, room.number, { case: 'rejoin', value })
    })
    await seal()
    expect([parts().length, due()]).toEqual([1, 1])
  })
})

describe('a transfer', () => {
  test('waits for a group to be sealed in', async () => {
    await said({ text: 'one' })
    await toBob()
    await direct.enter({ name: 'ended', why: 'abandoned' })
    await seal()
    expect([parts(), due()]).toEqual([[], 1])
    await direct.enter({ name: 'active' })
    await seal()
    expect(texts()).toEqual(['one'])
  })

  test('to a device waits for it to be among the own ones', async () => {
    await said({ text: 'one' })
    const own = await TestGroup.of(testing, { kind: GroupKind.OWN_DEVICES, others: [secondDevice(alice)] })
    await note({ toDevice: phone.device.publicKey })
    await seal()
    expect([parts(own), due()]).toEqual([[], 1])
  })

  test('that is noted again while it is under way is the same one', async () => {
    await toBob()
    await toBob({ sinceMs: 7n })
    await note({ toDevice: phone.device.publicKey })
    await note({ toAccount: carol.account.publicKey })
    await note({ toAccount: carol.account.publicKey })
    expect(due()).toBe(3)
  })
})
