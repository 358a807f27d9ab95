// The history that new members are owed.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount, type OwnAccount } from '../../../../../services/endpoint/contacts/account.js'
import { isKey } from '../../../../../services/endpoint/ids.js'
import {
  giveHistory,
  onAdded,
  onJoinedOwnDevices,
} from '../../../../../services/endpoint/messages/transfer/due.js'
import { deviceFingerprint } from '../../../../../services/protocol/identity/fingerprint.js'
import { nodeCrypto } from '../../../../../services/protocol/node/crypto.js'
import { CLOCK_SLACK_MS, DAY_MS } from '../../../../../services/protocol/time.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../../support/group.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
/** It was there before this device; and it came later. */
const [older, newer] = [secondDevice(alice), secondDevice(alice)]

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
  for (const device of [older, alice]) await known(device, { mayHaveHistory: true })
  await known(newer, { place: 3 })
})

type Known = Parameters<TestContext['context']['devices']['change']>[2]
const known = (of: OwnAccount, what: Known, { written } = testing) =>
  written((tx, { context }) => context.devices.change(tx, idOf(of), what))
const idOf = ({ device }: OwnAccount) => device.publicKey

/** A commit that has added these devices; the entries by which the room let their accounts in are among those of the chain. */
const changeIn = ({ live }: TestGroup, newcomers: OwnAccount[]) => ({
  ...{ committer: idOf(alice), by: alice.account.publicKey, added: newcomers.map(idOf), removed: [] },
  entries: live.held.entries.filter(
    ({ change }) =>
      change.kind === 'add' &&
      newcomers.some(({ account }) => Buffer.compare(account.publicKey, change.accountKey) === 0),
  ),
})

/** `entries`: none where the accounts were in the room before. */
const added = (
  group: TestGroup,
  newcomers: OwnAccount[],
  { isOurs = true, isFirst = true }: { isOurs?: boolean; isFirst?: boolean } = {},
) =>
  testing.written((tx, unit) => {
    const change = changeIn(group, newcomers)
    const entries = isFirst ? change.entries : []
    onAdded(unit.context, tx, group.in(unit), { change: { ...change, entries }, isOurs })
  })
const transfers = () =>
  testing.context.records.list('transfers').map(({ key, record }) => ({
    conversation: key.group,
    to: Buffer.from(isKey(record.toAccount) ? record.toAccount : record.toDevice).toString('hex'),
    sinceMs: record.sinceMs,
  }))
const hex = (account: OwnAccount) => Buffer.from(idOf(account)).toString('hex')

describe('somebody who is invited to a room', () => {
  const room = (historyDays: number, others = [bob]) =>
    TestGroup.of(testing, { others, room: { historyDays } })

  test('is owed what was said in its days, by the one who added them', async () => {
    const group = await room(7)
    await added(group, [bob])
    const sinceMs = BigInt(testing.clock.now() - 7 * DAY_MS)
    expect(transfers()).toEqual([
      { conversation: group.conversation, to: Buffer.from(bob.account.publicKey).toString('hex'), sinceMs },
    ])
    expect(testing.context.conversations.withPerson(bob.account.publicKey)).toBeDefined()
  })

  test.each<[string, number, boolean, boolean]>([
    ['the room hands nothing over', 0, true, true],
    ['another device added them', 7, false, true],
    ['they were in it before, with another device', 7, true, false],
  ])('is owed nothing where %s', async (_, days, isOurs, isFirst) => {
    await added(await room(days), [bob], { isOurs, isFirst })
    expect(transfers()).toEqual([])
  })

  test('is owed nothing in a conversation of two', async () => {
    await added(await TestGroup.of(testing, { others: [bob] }), [bob])
    expect(transfers()).toEqual([])
  })
})

describe('a newer device of this account', () => {
  const notices = () => testing.told.flatMap(event => (event.type === 'notice' ? [event.notice] : []))
  const asked = (of: OwnAccount, device = '') => ({
    ...{ code: 'history-asked', device },
    fingerprint: deviceFingerprint(nodeCrypto, idOf(of)),
  })
  const gives = (to: OwnAccount) => testing.written((tx, { context }) => giveHistory(context, tx, idOf(to)))

  test('waits until a person agrees, who is told that it is there', async () => {
    await TestGroup.of(testing, { others: [bob] })
    const own = await TestGroup.of(testing, { others: [older, newer] })
    await added(own, [newer])
    await added(own, [older, newer], { isOurs: false })
    await known(newer, { name: 'phone' })
    await testing.written((tx, unit) => onJoinedOwnDevices(unit.context, tx, own.in(unit)))
    expect(transfers()).toEqual([])
    expect(notices()).toEqual([asked(newer), asked(newer), asked(newer, 'phone')])
  })

  test('is not told of where it has the history, or was ended, or is not known', async () => {
    const unknown = secondDevice(alice)
    const own = await TestGroup.of(testing, { others: [older, newer, unknown] })
    await known(newer, { isEnded: true })
    await added(own, [older, newer, unknown])
    expect(notices()).toEqual([])
  })

  test('is told that it waits itself, where one is there that could agree', async () => {
    await known(alice, { mayHaveHistory: false })
    const own = await TestGroup.of(testing, { others: [older, newer] })
    await added(own, [newer])
    expect(notices()).toEqual([])
    await added(own, [older])
    await testing.written((tx, unit) => onJoinedOwnDevices(unit.context, tx, own.in(unit)))
    expect(notices()).toEqual([{ code: 'history-awaited' }, { code: 'history-awaited' }])
  })

  test('is owed every conversation but that of own devices when a person agrees', async () => {
    const room = await TestGroup.of(testing, { others: [bob], room: {} })
    const direct = await TestGroup.of(testing, { others: [bob] })
    await testing.written((tx, { context }) => context.conversations.open(tx, carol.account.publicKey))
    const withCarol = testing.context.conversations.withPerson(carol.account.publicKey)!
    await TestGroup.of(testing, { others: [newer] })
    await gives(newer)
    const to = hex(newer)
    expect(transfers().sort((a, b) => Number(a.conversation - b.conversation))).toEqual([
      { conversation: room.conversation, to, sinceMs: 0n },
      { conversation: direct.conversation, to, sinceMs: 0n },
      { conversation: withCarol, to, sinceMs: 0n },
    ])
    const handedOverAtMs = BigInt(testing.clock.now())
    const given = { mayHaveHistory: true, givenDue: true, handedOverAtMs }
    expect(testing.context.devices.get(idOf(newer))).toMatchObject(given)
    expect(testing.told).toContainEqual({ type: 'devices' })
    await expect(gives(newer)).rejects.toMatchObject({ why: { code: 'has-history' } })
  })

  test('hears what this one is called, if it has a name', async () => {
    const own = await TestGroup.of(testing, { others: [newer] })
    const nameDue = () => testing.context.devices.get(idOf(alice))?.nameDue
    await added(own, [newer])
    expect(nameDue()).toBeFalsy()
    await known(alice, { name: 'laptop' })
    await added(own, [newer], { isOurs: false })
    expect(nameDue()).toBe(true)
  })
})

describe('a device of this account that comes into a conversation', () => {
  const withBob = (...own: OwnAccount[]) => TestGroup.of(testing, { others: [bob, ...own] })
  const handed = (handedOverAtMs: bigint) => known(newer, { mayHaveHistory: true, handedOverAtMs })

  test('is owed what has come since it was handed the rest', async () => {
    const group = await withBob(newer)
    await handed(10_000_000n)
    await added(group, [newer])
    const sinceMs = 10_000_000n - BigInt(CLOCK_SLACK_MS)
    expect(transfers()).toEqual([{ conversation: group.conversation, to: hex(newer), sinceMs }])
  })

  test('is owed a day where it was there before, and nothing where nobody has agreed', async () => {
    const group = await withBob(newer, older)
    await added(group, [newer, older])
    const sinceMs = BigInt(testing.clock.now() - DAY_MS - CLOCK_SLACK_MS)
    expect(transfers()).toEqual([{ conversation: group.conversation, to: hex(older), sinceMs }])
  })

  test('is owed that by the first of the others where somebody else added it', async () => {
    const group = await withBob(newer)
    await handed(10_000_000n)
    await added(group, [newer], { isOurs: false })
    expect(transfers()).toHaveLength(1)
  })

  test('is owed nothing by the later ones then', async () => {
    // This device made the group, and its leaf comes first; it goes by another one's eyes.
    const test = await openTestContext(newer)
    const third = secondDevice(alice)
    await known(third, { mayHaveHistory: true }, test)
    const group = await TestGroup.of(test, { others: [bob, older, third] })
    await test.written((tx, unit) => {
      const live = group.in(unit)
      const context = { ...unit.context, account: { ...unit.context.account, device: older.device } }
      onAdded(context, tx, live, { change: changeIn(group, [third]), isOurs: false })
    })
    expect(test.context.records.list('transfers')).toEqual([])
  })
})
