// Handing over what was said before, part by part.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { MessageKind, MessageStatus } from '../../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount, type OwnAccount } from '../../../../../services/endpoint/contacts/account.js'
import { type Sequence, sequenceOf } from '../../../../../services/endpoint/ids.js'
import { OUTBOX_WINDOW } from '../../../../../services/endpoint/messages/sealing/outbox.js'
import {
  sealTransfers,
  startTransfer,
  type TransferInit,
} from '../../../../../services/endpoint/messages/transfer/history-transfer.js'
import type { AccountKey } from '../../../../../services/protocol/keys.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'
import { hearsay, signedLine, textOf } from '../../../../support/history-lines.js'
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
  room = await TestGroup.of(testing, { others: [bob, carol], room: {} })
  direct = await TestGroup.of(testing, { others: [bob] })
})

interface Line {
  text: string
  statement?: Uint8Array
  signature?: Uint8Array
  fromDevice?: Uint8Array
  toldBy?: AccountKey
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
const toBob = (more: TransferInit = {}) => note({ toAccount: bob.account.publicKey, ...more })
const agreed = (of: OwnAccount, mayHaveHistory = true) =>
  testing.written((tx, { context }) => context.devices.change(tx, of.device.publicKey, { mayHaveHistory }))
const seal = () => testing.written((tx, unit) => sealTransfers(unit.context, tx))
const due = () => testing.context.records.keys('transfers').length
const parts = (group = direct) =>
  group.sent().flatMap(body => (body.case === 'historyPart' ? [body.value] : []))
const texts = (group = direct) => parts(group).flatMap(({ messages }) => messages.map(textOf))

describe('what is handed over', () => {
  const line = (text: string, sequence: bigint, from = carol) => ({ text, from, sentAtMs: 1_000n, sequence })
  /** As a device keeps it: signed by its writer. */
  const signed = (text: string, sequence: bigint, from = carol) => {
    const { body } = signedLine(room.live.held.state.id, line(text, sequence, from))
    if (body.case !== 'text') throw new Error('it is hearsay')
    const { statement, signature } = body.value.text!
    return { statement, signature, fromDevice: from.device.publicKey, fromAccount: from.account.publicKey }
  }

  test('is every text in the order of the server, as its writer has signed it', async () => {
    await testing.written((tx, { context }) => {
      context.certificates.keep(tx, carol.device.publicKey, carol.certificate)
      const kept = { kind: MessageKind.TEXT, status: MessageStatus.RECEIVED, sentAtMs: 1_000n }
      for (const [at, message] of [signed('one', 1n), signed('mine', 2n, alice)].entries())
        context.conversations.append(tx, room.conversation, {
          ...{ ...kept, ...message, sequence: sequenceOf(BigInt(at + 1)) },
        })
    })
    await toBob()
    await seal()
    const conversationId = room.live.held.state.id
    expect(parts()).toEqual([
      expect.objectContaining({
        ...{ conversationId, peerHandle: '', peerAccount: new Uint8Array(), toDevice: new Uint8Array() },
        last: true,
        messages: [
          signedLine(conversationId, line('one', 1n)),
          signedLine(conversationId, line('mine', 2n, alice)),
        ],
      }),
    ])
    expect(due()).toBe(0)
  })

  test('is told where nobody can show whose it is', async () => {
    const toldBy = bob.account.publicKey
    const fromDevice = carol.device.publicKey
    await said({ text: 'one', fromDevice, toldBy }, { ...signed('two', 2n), text: '' })
    await toBob()
    await seal()
    expect(parts()[0]?.messages).toEqual([
      hearsay(line('one', 1n), { toldBy }),
      // No certificate of its device is here.
      hearsay(line('two', 2n)),
    ])
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
    const own = await TestGroup.of(testing, { others: [phone] })
    await testing.written((tx, { context }) =>
      context.conversations.append(tx, direct.conversation, {
        ...{ kind: MessageKind.TEXT, fromHandle: 'bob', text: 'hi', sequence: sequenceOf(4n) },
        status: MessageStatus.RECEIVED,
      }),
    )
    await agreed(phone)
    await note({ toDevice: phone.device.publicKey }, direct.conversation)
    await seal()
    expect(parts(own)).toMatchObject([
      {
        ...{ peerAccount: bob.account.publicKey, peerHandle: 'bob', last: true },
        conversationId: direct.live.held.state.id,
        toDevice: phone.device.publicKey,
      },
    ])
    expect(texts(own)).toEqual(['hi'])
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
    const own = await TestGroup.of(testing, { others: [secondDevice(alice)] })
    await note({ toDevice: phone.device.publicKey })
    await seal()
    expect([parts(own), due()]).toEqual([[], 1])
  })

  test('to a device waits as long as one is among the own ones that nobody has agreed to', async () => {
    await said({ text: 'one' })
    const other = secondDevice(alice)
    const own = await TestGroup.of(testing, { others: [phone, other] })
    await note({ toDevice: phone.device.publicKey })
    await seal()
    expect([parts(own), due()]).toEqual([[], 1])
    await agreed(phone)
    await seal()
    expect([parts(own), due()]).toEqual([[], 1])
    await agreed(other)
    await seal()
    expect([texts(own), due()]).toEqual([['one'], 0])
  })

  test('of a conversation that has nobody in it yet is done', async () => {
    const awaited = await testing.written((tx, { context }) => context.conversations.openAwaiting(tx, 'dave'))
    await TestGroup.of(testing, { others: [phone] })
    await agreed(phone)
    await note({ toDevice: phone.device.publicKey }, awaited)
    await seal()
    expect(due()).toBe(0)
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
