// A device asks again for what it could not open, and the sender says it again.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { MessageKind, MessageStatus } from '../../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { GroupPhase } from '../../../../../services/endpoint/groups/state/group.js'
import { countOf } from '../../../../../services/endpoint/ids.js'
import { nothingToResend } from '../../../../../services/endpoint/messages/content/nothing-to-resend.js'
import { askAgain, resendRequest } from '../../../../../services/endpoint/messages/content/resend-request.js'
import { MISSING_COUNTS } from '../../../../../services/endpoint/messages/missing.js'
import { decodeContent } from '../../../../../services/endpoint/messages/sealing/format.js'
import { sealLine } from '../../../../../services/endpoint/messages/sealing/seal.js'
import { waitFor } from '../../../../../services/endpoint/messages/sealing/unsent.js'
import { pad } from '../../../../../services/protocol/content/padding.js'
import type { DeviceKey } from '../../../../../services/protocol/keys.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'
import { NOTE, WITH_NOTES } from '../../../../support/line-type.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const phone = secondDevice(alice)
const own = alice.device.publicKey

let testing: TestContext
let group: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  group = await TestGroup.of(testing, { others: [bob, phone] })
})

/** Texts of this device, sealed under the counts from 1 on. */
const write = (...texts: string[]) =>
  testing.written(async (tx, unit) => {
    for (const [index, text] of texts.entries()) {
      const sentAtMs = BigInt(index + 1)
      const init = { kind: MessageKind.TEXT, own: true, text, status: MessageStatus.WAITING, sentAtMs }
      const { id } = unit.context.conversations.append(tx, group.conversation, init)
      waitFor(tx, id)
      await sealLine(unit.context, tx, group.in(unit), id)
    }
  })
const asks = (counts: bigint[], deviceId = own) =>
  group.take(bob, { body: { case: 'resendRequest', value: { deviceId, counts } } })
/** The contents that were sealed after the texts themselves. */
const answers = (after: number) => group.sent().slice(after)

describe('a request to say something again', () => {
  test('is answered with the text as it was, under the count that it had', async () => {
    await write('one', 'two', 'three')
    await asks([2n])
    expect(answers(3)).toMatchObject([{ case: 'text', value: { text: 'two' } }])
    const last = testing.outbox.items().at(-1)!.item.what
    expect(last).toMatchObject({ case: 'content', value: { message: 0n } })
    if (last.case !== 'content') throw new Error('no content')
    expect(decodeContent(pad(last.value.content))).toMatchObject({ sentAtMs: 2n, resentCount: 2n })
  })

  test('is answered with nothing where the message is of a kind that nobody writes', async () => {
    await testing.written((tx, { context }) => {
      const { id } = context.conversations.append(tx, group.conversation, { kind: MessageKind.EVENT })
      tx.put('sent', { group: group.number, id: countOf(1n) }, { message: id.message })
    })
    await asks([1n])
    expect(answers(0)).toMatchObject([{ case: 'nothingToResend', value: { counts: [1n] } }])
  })

  test('is answered once for each text; of what is not there it is said that it never comes', async () => {
    await write('one', 'two')
    await asks([1n, 2n, 9n])
    await asks([1n])
    expect(answers(2)).toMatchObject([
      { case: 'text', value: { text: 'one' } },
      { case: 'text', value: { text: 'two' } },
      { case: 'nothingToResend', value: { counts: [9n] } },
      { case: 'nothingToResend', value: { counts: [1n] } },
    ])
  })

  test('is answered with nothing where the type of a message is not said again', async () => {
    await testing.written(async (tx, unit) => {
      const context = { ...unit.context, lines: WITH_NOTES }
      for (const kind of [NOTE.kind, MessageKind.TEXT]) {
        const init = { kind, own: true, text: 'line', status: MessageStatus.WAITING }
        const { id } = context.conversations.append(tx, group.conversation, init)
        waitFor(tx, id)
        await sealLine(context, tx, group.in(unit), id)
      }
    })
    expect(answers(0)).toMatchObject([{ value: { name: 'note: line' } }, { value: { text: 'line' } }])
    expect(testing.context.records.keys('sent')).toEqual([{ group: group.number, id: 2n }])
    await asks([1n, 2n])
    expect(answers(2)).toMatchObject([
      { case: 'text', value: { text: 'line' } },
      { case: 'nothingToResend', value: { counts: [1n] } },
    ])
  })

  test('to another device is for that one', async () => {
    await write('one')
    await asks([1n], bob.device.publicKey)
    expect(answers(1)).toEqual([])
  })

  test('for more than a device remembers is answered for the first ones', async () => {
    const counts = Array.from({ length: MISSING_COUNTS + 5 }, (_, index) => BigInt(index + 1))
    await asks(counts)
    expect(answers(0)).toMatchObject([{ case: 'nothingToResend', value: { counts: counts.slice(0, -5) } }])
  })

  test('is owed a receipt, and is not taken from somebody who is blocked', () => {
    expect(resendRequest).toMatchObject({ owesReceipt: true, fromBlocked: false })
  })
})

describe('asking', () => {
  const ask = (...counts: bigint[]) =>
    testing.written((tx, unit) =>
      askAgain(unit.context, tx, group.in(unit), {
        deviceId: bob.device.publicKey,
        counts: counts.map(countOf),
      }),
    )

  test('names the device and the counts', async () => {
    await ask(3n, 4n)
    expect(group.sent()).toMatchObject([
      { case: 'resendRequest', value: { deviceId: bob.device.publicKey, counts: [3n, 4n] } },
    ])
  })

  test('for nothing asks nothing', async () => {
    await ask()
    expect(group.sent()).toEqual([])
  })

  test.each<GroupPhase>([
    { name: 'creating' },
    { name: 'out-of-sync', askDue: false, leaveDue: false },
    { name: 'leaving', leaveDue: false, commitOut: false },
    { name: 'ended', why: 'removed' },
  ])('is not done in a group that is $name', async phase => {
    await group.enter(phase)
    await ask(3n)
    expect(group.sent()).toEqual([])
  })
})

describe('what a device does not have any more', () => {
  const knows = (deviceId: DeviceKey, missing: bigint[]) =>
    testing.written((tx, unit) => {
      const sender = group.in(unit).sender(deviceId)
      const known = { ...sender, received: countOf(9n), owed: countOf(2n), missing: missing.map(countOf) }
      unit.context.groups.saveSender(tx, group.in(unit), known)
    })
  const nothing = (counts: bigint[]) => ({ body: { case: 'nothingToResend', value: { counts } } as const })

  test('is not waited for, and holds no receipt back', async () => {
    await knows(bob.device.publicKey, [3n, 5n])
    await group.take(bob, nothing([3n]))
    expect(group.live.sender(bob.device.publicKey)).toMatchObject({ missing: [5n], owed: 4n })
    await group.take(bob, nothing([5n]))
    expect(group.live.sender(bob.device.publicKey)).toMatchObject({ missing: [], owed: 9n })
  })

  test('of another device of this account is owed no receipt', async () => {
    await knows(phone.device.publicKey, [3n])
    await group.take(phone, nothing([3n]))
    expect(group.live.sender(phone.device.publicKey)).toMatchObject({ missing: [], owed: 2n })
  })

  test('is owed a receipt itself, and taken from somebody who is blocked', () => {
    expect(nothingToResend).toMatchObject({ owesReceipt: true, fromBlocked: true })
  })
})
