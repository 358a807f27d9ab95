// The history that new members are owed.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind, GroupSettingsSchema } from '../../../../../gen/parley/content/v1/room_pb.js'
import {
  makeAccount,
  type NewAccount,
  type OwnAccount,
  restoreAccount,
} from '../../../../../services/endpoint/contacts/account.js'
import { isKey } from '../../../../../services/endpoint/ids.js'
import { onAdded, onJoinedOwnDevices } from '../../../../../services/endpoint/messages/transfer/due.js'
import { CLOCK_SLACK_MS, DAY_MS } from '../../../../../services/protocol/time.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { TestGroup } from '../../../../support/group.js'

/** Certificates are older and newer than this device's by their time. */
const ISSUED_AT = 1_000_000
const alice = makeAccount('alice', ISSUED_AT)
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const deviceAt = (issuedAt: number) =>
  restoreAccount({ handle: 'alice', seed: alice.account.privateKey, issuedAt })
const older = deviceAt(ISSUED_AT - 1)
const newer = deviceAt(ISSUED_AT + 1)

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
})

const candidate = ({ certificate, device }: OwnAccount) => ({
  identity: certificate,
  signatureKey: device.publicKey,
})
const idOf = ({ device }: OwnAccount) => device.publicKey

/** These were added to a group that had only the others before. */
const added = (group: TestGroup, newcomers: OwnAccount[], { isOurs = true, before = [alice] } = {}) =>
  testing.written((tx, unit) => {
    const members = before.map(candidate)
    const standing = {
      settings: create(GroupSettingsSchema),
      members,
      leaving: [],
      conversationId: new Uint8Array(16),
      epoch: 1n,
    }
    const change = { before: standing, added: newcomers.map(candidate), isOurs }
    onAdded(unit.context, tx, group.in(unit), change)
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
    TestGroup.of(testing, { kind: GroupKind.ROOM, others, historyDays })

  test('is owed what was said in its days, by the one who added them', async () => {
    const group = await room(7)
    await added(group, [bob])
    const sinceMs = BigInt(testing.clock.now() - 7 * DAY_MS)
    expect(transfers()).toEqual([
      { conversation: group.conversation, to: Buffer.from(bob.account.publicKey).toString('hex'), sinceMs },
    ])
    expect(testing.context.conversations.withPerson(bob.account.publicKey)).toBeDefined()
  })

  test.each<[string, number, boolean, NewAccount[]]>([
    ['the room hands nothing over', 0, true, [alice]],
    ['another device added them', 7, false, [alice]],
    ['they were in it before, with another device', 7, true, [alice, bob]],
  ])('is owed nothing where %s', async (_, days, isOurs, before) => {
    await added(await room(days), [bob], { isOurs, before })
    expect(transfers()).toEqual([])
  })

  test('is owed nothing in a conversation of two', async () => {
    await added(await TestGroup.of(testing, { others: [bob] }), [bob])
    expect(transfers()).toEqual([])
  })
})

describe('a newer device of this account', () => {
  test('is owed every conversation but that of own devices, once', async () => {
    const room = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [bob] })
    const direct = await TestGroup.of(testing, { others: [bob] })
    await testing.written((tx, { context }) => {
      context.conversations.open(tx, carol.account.publicKey)
      context.conversations.openRoom(tx, 'a room that was never joined')
    })
    const withCarol = testing.context.conversations.withPerson(carol.account.publicKey)!
    const own = await TestGroup.of(testing, { kind: GroupKind.OWN_DEVICES, others: [newer] })
    await added(own, [newer])
    await added(own, [newer])
    const to = hex(newer)
    expect(transfers().sort((a, b) => Number(a.conversation - b.conversation))).toEqual([
      { conversation: room.conversation, to, sinceMs: 0n },
      { conversation: direct.conversation, to, sinceMs: 0n },
      { conversation: withCarol, to, sinceMs: 0n },
    ])
    expect(testing.context.devices.get(idOf(newer))).toMatchObject({
      issuedAtMs: BigInt(ISSUED_AT + 1),
      handedOverAtMs: BigInt(testing.clock.now()),
    })
  })

  test('is owed nothing by a device that is newer, did not add it, or knows that it is revoked', async () => {
    await TestGroup.of(testing, { others: [bob] })
    const own = await TestGroup.of(testing, { kind: GroupKind.OWN_DEVICES, others: [older, newer] })
    await added(own, [older])
    await added(own, [newer], { isOurs: false })
    await testing.written((tx, { context }) => context.devices.change(tx, idOf(newer), { isEnded: true }))
    await added(own, [newer])
    expect(transfers()).toEqual([])
  })

  test('hears what this one is called, if it has a name', async () => {
    const own = await TestGroup.of(testing, { kind: GroupKind.OWN_DEVICES, others: [newer] })
    const nameDue = () => testing.context.devices.get(idOf(alice))?.nameDue
    await added(own, [newer])
    expect(nameDue()).toBeFalsy()
    await testing.written((tx, { context }) => context.devices.change(tx, idOf(alice), { name: 'laptop' }))
    await added(own, [newer], { isOurs: false })
    expect(nameDue()).toBe(true)
  })

  test('is owed all by an older one that joins its group', async () => {
    const direct = await TestGroup.of(testing, { others: [bob] })
    const own = await TestGroup.of(testing, { kind: GroupKind.OWN_DEVICES, others: [older, newer] })
    await testing.written((tx, unit) => onJoinedOwnDevices(unit.context, tx, own.in(unit)))
    expect(transfers()).toEqual([{ conversation: direct.conversation, to: hex(newer), sinceMs: 0n }])
  })
})

describe('a device of this account that comes into a conversation', () => {
  const withBob = (...own: OwnAccount[]) => TestGroup.of(testing, { others: [bob, ...own] })
  const handed = (handedOverAtMs: bigint) =>
    testing.written((tx, { context }) => context.devices.change(tx, idOf(newer), { handedOverAtMs }))

  test('is owed what has come since it was handed the rest', async () => {
    const group = await withBob(newer)
    await handed(10_000_000n)
    await added(group, [newer])
    const sinceMs = 10_000_000n - BigInt(CLOCK_SLACK_MS)
    expect(transfers()).toEqual([{ conversation: group.conversation, to: hex(newer), sinceMs }])
  })

  test('is owed all where nothing was handed over, and a day where it is older', async () => {
    const group = await withBob(newer, older)
    await added(group, [newer, older])
    const sinceMs = BigInt(testing.clock.now() - DAY_MS - CLOCK_SLACK_MS)
    expect(transfers()).toEqual([
      { conversation: group.conversation, to: hex(newer), sinceMs: 0n },
      { conversation: group.conversation, to: hex(older), sinceMs },
    ])
  })

  test('is owed that by the first of the others where somebody else added it', async () => {
    const group = await withBob(newer)
    await added(group, [newer], { isOurs: false })
    expect(transfers()).toHaveLength(1)
  })

  test('is owed nothing by the later ones then', async () => {
    // This device made the group, and its leaf comes first; it goes by another one's eyes.
    const test = await openTestContext(newer)
    const group = await TestGroup.of(test, { others: [bob, older] })
    const third = deviceAt(ISSUED_AT + 2)
    await test.written((tx, unit) => {
      const live = group.in(unit)
      const context = { ...unit.context, account: { ...unit.context.account, device: older.device } }
      const before = {
        settings: create(GroupSettingsSchema),
        members: [],
        leaving: [],
        conversationId: new Uint8Array(16),
        epoch: 1n,
      }
      onAdded(context, tx, live, { before, added: [candidate(third)], isOurs: false })
    })
    expect(test.context.records.list('transfers')).toEqual([])
  })
})
