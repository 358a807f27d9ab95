import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  makeAccount,
  type NewAccount,
  type OwnAccount,
  restoreAccount,
} from '../../../../../services/endpoint/contacts/account.js'
import { refresh } from '../../../../../services/endpoint/groups/intents.js'
import type { GroupPhase } from '../../../../../services/endpoint/groups/state/group.js'
import type { LiveGroup } from '../../../../../services/endpoint/groups/state/groups.js'
import {
  type Directory,
  needsOwnGroup,
  reconcile,
} from '../../../../../services/endpoint/sync/keys/reconcile.js'
import { keyText } from '../../../../../services/protocol/keys.js'
import {
  groupIn,
  listed as learned,
  openTestContext,
  type TestContext,
} from '../../../../support/endpoint-context.js'
import { groupWith, putInPhase } from '../../../../support/endpoint-groups.js'
import { TestGroup } from '../../../../support/group.js'
import { listOf } from '../../../../support/known-accounts.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
/** A later device of the same account. */
const secondOf = ({ handle, account }: NewAccount, laterMs = 1) =>
  restoreAccount({ handle, seed: account.privateKey, issuedAt: Date.now() + laterMs })
const idOf = ({ device }: OwnAccount) => device.publicKey
const listed = (...devices: OwnAccount[]) =>
  devices.map(({ handle, account, device }) => ({
    ...{ handle, accountKey: account.publicKey, deviceKey: device.publicKey, listedAt: 1 },
  }))
const directory = (...devices: OwnAccount[]): Directory =>
  Map.groupBy(listed(...devices), ({ accountKey }) => keyText(accountKey))

type Waits = Parameters<typeof reconcile>[3]['waits']

let endpoint: TestContext
beforeEach(async () => {
  endpoint = await openTestContext(alice)
})

const withBob = (...others: OwnAccount[]) =>
  groupWith(endpoint, {
    others: [bob, ...others],
    open: ({ context, tx }) => context.conversations.open(tx, bob.account.publicKey),
  })
const compare = (group: LiveGroup, shown: Directory, waits: Waits = new Map()) =>
  endpoint.written((tx, unit) =>
    reconcile(unit.context, tx, groupIn(unit, group), { directory: shown, waits }),
  )
const intents = (group: LiveGroup) => endpoint.context.intents.of(group).map(({ intent }) => intent)
const changes = (group: LiveGroup) => intents(group).map(intent => intent.change)

describe('a further device of a member', () => {
  const phone = secondOf(bob)

  test('is to be added, once; and nobody of another key', async () => {
    const group = await withBob()
    const shown = directory(bob, phone, makeAccount('bob'))
    for (let times = 0; times < 2; times++)
      expect(await compare(group, shown)).toEqual([keyText(bob.account.publicKey)])
    expect(changes(group)).toMatchObject([
      { case: 'addDevices', value: { handle: 'bob', deviceIds: [idOf(phone)] } },
    ])
  })

  test('waits for the devices of its own account to do it', async () => {
    const group = await withBob()
    await compare(group, directory(bob, phone))
    const waits = intents(group).map(({ notBeforeMs }) => Number(notBeforeMs) - endpoint.clock.now())
    expect(waits[0]).toBeGreaterThanOrEqual(3_000)
  })

  test.each<GroupPhase>([
    { name: 'ended', why: 'removed' },
    { name: 'leaving', leaveDue: false, commitOut: false },
    { name: 'out-of-sync', askDue: false, leaveDue: false },
  ])('is not to be added to a group that is $name', async phase => {
    const group = await withBob()
    await putInPhase(endpoint, group, phase)
    expect(await compare(group, directory(bob, phone))).toEqual([])
    expect(changes(group)).toEqual([])
  })
})

describe('devices of this account', () => {
  test('are added by the oldest at once, and by the younger ones if it does not', async () => {
    const [older, newest] = [secondOf(alice, -10_000), secondOf(alice, 20_000)]
    const listed = directory(older, alice, newest)
    const first = await withBob()
    await compare(first, listed)
    expect(intents(first).map(({ notBeforeMs }) => notBeforeMs)).toEqual([0n])
    const known = [older, alice, newest].map((device, at) => ({
      id: idOf(device),
      issuedAtMs: BigInt(at + 1),
    }))
    await endpoint.written((tx, { context }) => {
      for (const { id, issuedAtMs } of known) context.devices.change(tx, id, { issuedAtMs })
    })
    const second = await withBob(older)
    await compare(second, listed)
    const [wait] = intents(second).map(({ notBeforeMs }) => Number(notBeforeMs) - endpoint.clock.now())
    expect(wait).toBe(1_000)
  })
})

describe('a device that its account has ended', () => {
  const learn = (devices: NewAccount[]) => learned(endpoint, devices, listOf(devices[0]!).number + 1)
  const waits = (ms: number) => new Map([[keyText(bob.account.publicKey), ms]])

  test('is told to the group by each device of this account, once', async () => {
    const phone = secondOf(alice)
    const group = await withBob(phone)
    await learn([alice])
    const own = keyText(alice.account.publicKey)
    for (let times = 0; times < 2; times++) expect(await compare(group, directory(alice))).toEqual([own])
    expect(changes(group)).toEqual([refresh(alice.account.publicKey)])
  })

  test('is told by others in their turn', async () => {
    const phone = secondOf(bob)
    const group = await withBob(phone)
    await learn([bob])
    expect(await compare(group, directory(bob))).toEqual([keyText(bob.account.publicKey)])
    expect(changes(group)).toEqual([refresh(bob.account.publicKey)])
  })

  test('is told by those who come later only after a while', async () => {
    const carol = makeAccount('carol')
    const [phone, carolsPhone] = [secondOf(bob), secondOf(carol)]
    const room = await TestGroup.of(endpoint, {
      ...{ by: carol, others: [carol, carolsPhone, bob, phone], room: {} },
    })
    await learn([bob])
    const named = () => changes(room.live)
    for (const [ms, done] of [
      [0, []],
      // Both devices of the admin come first.
      [599, []],
      [600, [refresh(bob.account.publicKey)]],
    ] as const) {
      await compare(room.live, directory(bob), waits(ms))
      expect(named()).toEqual(done)
    }
  })

  test('is none because the server leaves it out', async () => {
    const [phone, tablet] = [secondOf(alice), secondOf(bob)]
    const group = await withBob(phone, tablet)
    expect(await compare(group, directory(alice, bob))).toEqual([])
    expect(changes(group)).toEqual([])
  })
})

test('a newer list of this account is told to the group, and one of somebody else where a device has gone', async () => {
  const group = await withBob()
  for (const account of [bob, alice]) await learned(endpoint, [account], listOf(account).number + 1)
  await compare(group, directory(alice, bob))
  expect(changes(group)).toEqual([refresh(alice.account.publicKey)])
})

describe('a group of own devices is needed', () => {
  const phone = secondOf(alice)
  const isNeeded = (...own: OwnAccount[]) => needsOwnGroup(endpoint.context, listed(...own))
  const ownGroup = (phase: GroupPhase) =>
    groupWith(endpoint, {
      others: [phone],
      open: ({ context, tx }) => context.conversations.openOwnDevices(tx),
      phase,
    })

  test('where there are others, and none with them', async () => {
    expect(isNeeded(alice, phone)).toBe(true)
    await ownGroup({ name: 'ended', why: 'removed' })
    expect(isNeeded(alice, phone)).toBe(true)
    await ownGroup({ name: 'creating' })
    expect(isNeeded(alice, phone)).toBe(false)
  })

  test('by nobody who is alone', async () => {
    expect(isNeeded(alice)).toBe(false)
    expect(isNeeded(alice, makeAccount('alice'))).toBe(false)
  })
})
