// Receipts: what has arrived at whom.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { MessageKind, MessageStatus } from '../../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount, type OwnAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { GroupPhase } from '../../../../../services/endpoint/groups/state/group.js'
import { countOf, sequenceOf } from '../../../../../services/endpoint/ids.js'
import {
  owing,
  RECEIPT_DEVICES,
  sealReceipt,
} from '../../../../../services/endpoint/messages/content/receipt.js'
import { sealLine } from '../../../../../services/endpoint/messages/sealing/seal.js'
import { waitFor } from '../../../../../services/endpoint/messages/sealing/unsent.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const tablet = secondDevice(bob)

let testing: TestContext
let group: TestGroup

async function openRoom(...others: OwnAccount[]): Promise<void> {
  testing = await openTestContext(alice)
  group = await TestGroup.of(testing, { others, room: {} })
}

async function openDirect(...others: OwnAccount[]): Promise<void> {
  testing = await openTestContext(alice)
  group = await TestGroup.of(testing, { others })
}

beforeEach(() => openRoom(bob, tablet, carol))

/** Texts of this device, sealed under the counts from 1 on. */
async function write(...texts: string[]): Promise<void> {
  await testing.written(async (tx, unit) => {
    for (const text of texts) {
      const init = { kind: MessageKind.TEXT, own: true, text, status: MessageStatus.WAITING }
      const { id } = unit.context.conversations.append(tx, group.conversation, init)
      waitFor(tx, id)
      await sealLine(unit.context, tx, group.in(unit), id)
      unit.context.conversations.update(tx, id, { status: MessageStatus.STORED, sequence: sequenceOf(1n) })
    }
  })
}

/** A device says that it has what another one sent, up to a count. */
const confirm = (from: OwnAccount, count: bigint, of: OwnAccount = alice) =>
  group.take(from, {
    body: { case: 'receipt', value: { delivered: [{ deviceId: of.device.publicKey, count }] } },
  })

const states = () => testing.context.conversations.history(group.conversation).map(({ state }) => state)
const confirmedBy = (account: OwnAccount) => group.live.sender(account.device.publicKey).confirmed

describe('a text', () => {
  test('is delivered when every other account has it on some device', async () => {
    await write('one', 'two')
    await confirm(carol, 2n)
    expect(states()).toEqual(['stored', 'stored'])
    await confirm(tablet, 1n)
    expect(states()).toEqual(['delivered', 'stored'])
    await confirm(bob, 2n)
    expect(states()).toEqual(['delivered', 'delivered'])
    expect(testing.context.records.list('undelivered')).toEqual([])
  })

  test('is not marked by a receipt for more than was sent when it is sent later', async () => {
    await write('one')
    await confirm(bob, 1_000n)
    await confirm(carol, 2n ** 64n - 1n)
    expect(states()).toEqual(['delivered'])
    expect([confirmedBy(bob), confirmedBy(carol)]).toEqual([1n, 1n])
    await write('two')
    await confirm(carol, 1n)
    expect(states()).toEqual(['delivered', 'stored'])
  })

  test('that was confirmed stays so when an older receipt comes later', async () => {
    await write('one', 'two')
    for (const each of [bob, carol]) await confirm(each, 2n)
    await confirm(bob, 1n)
    expect(confirmedBy(bob)).toBe(2n)
    expect(states()).toEqual(['delivered', 'delivered'])
  })

  test('is not delivered by a receipt for another device, nor by this account itself', async () => {
    await write('one')
    await confirm(bob, 1n, carol)
    await confirm(carol, 1n)
    expect(states()).toEqual(['stored'])
    await openDirect(bob, secondDevice(alice))
    await write('one')
    const [own] = [...testing.context.engine.members(group.live.state)].slice(-1)
    await confirm({ ...alice, device: { ...alice.device, publicKey: own!.signatureKey } }, 1n)
    expect(states()).toEqual(['stored'])
    await confirm(bob, 1n)
    expect(states()).toEqual(['delivered'])
  })
})

/** This device owes receipts up to these counts. */
const owe = (owed: readonly (readonly [OwnAccount, bigint])[]) =>
  testing.written((tx, unit) => {
    for (const [account, count] of owed) {
      const sender = group.in(unit).sender(account.device.publicKey)
      unit.context.groups.saveSender(tx, group.in(unit), { ...sender, owed: countOf(count) })
    }
  })
const owed = () =>
  owing(testing.context, group.live).map(({ deviceId }) => Buffer.from(deviceId).toString('hex'))
const seal = () => testing.written((tx, unit) => sealReceipt(unit.context, tx, group.in(unit)))
const idOf = ({ device }: OwnAccount) => Buffer.from(device.publicKey).toString('hex')

describe('those who are owed a receipt', () => {
  test('are told in one, once, and again when more of theirs has come', async () => {
    await owe([
      [bob, 3n],
      [carol, 1n],
    ])
    expect(owed().sort()).toEqual([idOf(bob), idOf(carol)].sort())
    await seal()
    await seal()
    expect(group.sent()).toMatchObject([{ case: 'receipt', value: { delivered: [{}, {}] } }])
    expect(owed()).toEqual([])
    await owe([[carol, 2n]])
    await seal()
    expect(group.sent().at(-1)).toMatchObject({
      value: { delivered: [{ deviceId: carol.device.publicKey, count: 2n }] },
    })
  })

  test.each<GroupPhase>([
    { name: 'creating' },
    { name: 'out-of-sync', askDue: false, leaveDue: false },
    { name: 'leaving', leaveDue: false, commitOut: false },
    { name: 'ended', why: 'removed' },
  ])('are not told in a group that is $name', async phase => {
    await owe([[bob, 1n]])
    await group.enter(phase)
    expect(owed()).toEqual([])
    await seal()
    expect(group.sent()).toEqual([])
  })

  test('are not told while they are blocked', async () => {
    await openDirect(bob)
    await owe([[bob, 1n]])
    await testing.written((tx, { context }) => context.contacts.block(tx, bob.account.publicKey, true))
    expect(owed()).toEqual([])
    await testing.written((tx, { context }) => context.contacts.block(tx, bob.account.publicKey, false))
    expect(owed()).toEqual([idOf(bob)])
  })

  test('are told in groups of so many devices and not in larger ones', async () => {
    const many = (count: number) => Array.from({ length: count }, (_, at) => makeAccount(`person-${at}`))
    const people = many(RECEIPT_DEVICES - 1)
    await openRoom(...people)
    await owe([[people[0]!, 1n]])
    expect(owed()).toHaveLength(1)
    const more = many(RECEIPT_DEVICES)
    await openRoom(...more)
    await owe([[more[0]!, 1n]])
    expect(owed()).toEqual([])
  })
})
