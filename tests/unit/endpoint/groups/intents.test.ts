// Changes that a device is to commit: what is committed first, what becomes pointless, what others would refuse.

import { create, fromBinary } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind, GroupSettingsSchema } from '../../../../gen/parley/content/v1/room_pb.js'
import { CommitBundleSchema, RejectedSendSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import {
  addAccount,
  addDevices,
  changeSettings,
  commitIntents,
  forgetDevices,
  type IntentChange,
  intend,
  removeDevices,
} from '../../../../services/endpoint/groups/intents.js'
import { settingsOf } from '../../../../services/endpoint/groups/membership.js'
import type { Impossible } from '../../../../services/endpoint/groups/plan.js'
import { encodeSettings } from '../../../../services/endpoint/groups/policy.js'
import { type GroupPhase, joined } from '../../../../services/endpoint/groups/state/group.js'
import type { GroupChange, LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import { phaseRecord } from '../../../../services/endpoint/groups/state/phase-record.js'
import { transition } from '../../../../services/endpoint/groups/transition.js'
import { onRejected } from '../../../../services/endpoint/messages/rejections.js'
import { type Outbox, queueCommit } from '../../../../services/endpoint/messages/sealing/outbox.js'
import { type Engine, MlsRefused } from '../../../../services/endpoint/mls/engine.js'
import { at } from '../../../../services/endpoint/vault/records.js'
import { claimOf, groupIn, openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { numbered } from '../../../support/numbers.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const dave = makeAccount('dave')

let engine: Engine
let context: TestContext['context']
let written: TestContext['written']
let outbox: Outbox
let group: LiveGroup
let told: TestContext['told']

const keyPackageOf = async ({ certificate, device }: OwnAccount) =>
  await engine.newKeyPackage({
    identity: certificate,
    signatureKey: device.privateKey,
    publicKey: device.publicKey,
  })

/** A room with alice, this device, bob and carol; the admin is alice unless given. */
async function openRoom(admin: OwnAccount = alice): Promise<void> {
  const settings = encodeSettings(
    create(GroupSettingsSchema, {
      kind: GroupKind.ROOM,
      name: 'tea',
      admins: [{ handle: admin.handle, accountKey: admin.account.publicKey }],
    }),
  )
  const conversationId = new Uint8Array(16).fill(1)
  const founded = await engine.create({
    groupId: conversationId,
    keyPackage: await keyPackageOf(alice),
    settings,
  })
  const add = await Promise.all([bob, carol].map(async each => (await keyPackageOf(each)).publicPackage))
  const state = engine.adopt(founded, (await engine.commit(founded, { add })).pending).state
  const { number } = await written((tx, { context }) => {
    const conversation = context.conversations.openRoom(tx, 'tea')
    return context.groups.add(tx, { conversationId, conversation, phase: joined() }, state)
  })
  group = context.groups.get(number)!
  told.length = 0
  impossible = []
}

beforeEach(async () => {
  ;({ context, outbox, written, told } = await openTestContext(alice))
  engine = context.engine
})

const wish = (change: IntentChange, delayMs = 0) =>
  written((tx, unit) => intend(unit.context, tx, groupIn(unit, group), change, delayMs))
/** The intents that could not be carried out. */
let impossible: Impossible[] = []
const commit = (now = Date.now()) =>
  written(async (tx, unit) => {
    const done = await commitIntents(unit.context, tx, groupIn(unit, group), now)
    impossible.push(...done.impossible)
    if (done.made) queueCommit(unit.outbox, tx, group.number, done.made)
    return done.made !== undefined
  })
const open = () => context.intents.of(group).map(({ intent }) => intent.change.case)
/** The bundle of the last commit, as it tells the server. */
function rosterChange(): { added: string[]; removed: string[] } {
  const what = outbox.items().at(-1)?.item.what
  if (what?.case !== 'commit') throw new Error('no commit is on its way')
  const change = fromBinary(CommitBundleSchema, what.value.commitBundle).rosterChange
  const names = (devices: readonly Uint8Array[] = []) =>
    devices.map(
      device =>
        [alice, bob, carol, dave].find(each => Buffer.compare(each.device.publicKey, device) === 0)?.handle ??
        '?',
    )
  return { added: names(change?.addedDeviceIds), removed: names(change?.removedDeviceIds) }
}
const adoptCommit = () =>
  written((tx, unit) => {
    const here = groupIn(unit, group)
    const { state } = engine.adopt(here.state, here.pending!)
    unit.context.groups.enter(tx, here, state)
    transition(unit.context, tx, here, { input: 'commit-won' })
  })
const changed = (change: GroupChange) =>
  written((tx, unit) => unit.context.groups.change(tx, groupIn(unit, group), change))

const gone = (...accounts: OwnAccount[]) => {
  const removed = accounts.map(({ device }) => device.publicKey)
  return { removed, out: removed }
}
const removal = (...accounts: OwnAccount[]): IntentChange =>
  removeDevices(accounts.map(({ device }) => device.publicKey))
const addition = async (account: OwnAccount): Promise<IntentChange> =>
  addAccount(claimOf(account), [(await keyPackageOf(account)).publicPackage])
const renaming = (name: string): IntentChange => changeSettings({ name })

describe('what is due', () => {
  beforeEach(() => openRoom())

  test('goes in the order of settings, removals, additions, one kind in a commit', async () => {
    await wish(await addition(dave))
    await wish(removal(bob))
    await wish(removal(carol))
    expect(await commit()).toBe(true)
    expect(rosterChange()).toEqual({ added: [], removed: ['bob', 'carol'] })
    // Nothing more is committed while that is under way; it stays intended until it is done.
    expect(await commit()).toBe(false)
    expect(open()).toEqual(['addAccount', 'removeDevices', 'removeDevices'])
    await adoptCommit()
    await written((tx, unit) => forgetDevices(unit.context, tx, groupIn(unit, group), gone(bob, carol)))
    expect(await commit()).toBe(true)
    expect(rosterChange()).toEqual({ added: ['dave'], removed: [] })
  })

  test('is what the members are afterwards, and what the server is told', async () => {
    const members = () =>
      [alice, bob, carol, dave]
        .filter(({ device }) =>
          engine.members(group.state).some(each => Buffer.compare(each.signatureKey, device.publicKey) === 0),
        )
        .map(({ handle }) => handle)
    await wish(removal(bob))
    await commit()
    await adoptCommit()
    expect(members()).toEqual(['alice', 'carol'])
    await wish(await addition(dave))
    await commit()
    await adoptCommit()
    expect(members()).toEqual(['alice', 'carol', 'dave'])
  })

  test('leaves out a key package that is no good, and adds the others', async () => {
    await wish(addAccount(claimOf(makeAccount('erin')), [Uint8Array.of(1, 2, 3)]))
    await wish(await addition(dave))
    const made = await written(
      async (tx, unit) => (await commitIntents(unit.context, tx, groupIn(unit, group), Date.now())).made,
    )
    expect(made?.bundle.rosterChange).toEqual({
      addedDeviceIds: [dave.device.publicKey],
      removedDeviceIds: [],
    })
    expect(made?.bundle.welcomes).toMatchObject([{ deviceIds: [dave.device.publicKey] }])
    expect(made?.intents).toEqual([1n, 2n])
  })

  test('is kept where the engine refuses what goes before it, and nothing intended is given up', async () => {
    await changed({ leavingDeviceIds: [bob.device.publicKey] })
    await wish(await addition(dave))
    const failingWith = (error: Error) =>
      written((tx, unit) => {
        const failing = { ...unit.context.engine, commit: () => Promise.reject(error) }
        return commitIntents({ ...unit.context, engine: failing }, tx, groupIn(unit, group), Date.now())
      })
    expect(await failingWith(new MlsRefused('bad-change'))).toEqual({ made: undefined, impossible: [] })
    expect(open()).toEqual(['addAccount'])
    // A defect is no refusal.
    await expect(failingWith(new TypeError('defect'))).rejects.toThrow('defect')
  })

  test('is not before its time, and the next time is known', async () => {
    await wish(removal(bob), 60_000)
    expect(await commit()).toBe(false)
    // No update is due.
    await changed({ committedAtMs: BigInt(Date.now()) })
    const due = context.due.all().find(each => each.group === group.number)!.atMs!
    expect(due).toBeGreaterThan(Date.now() + 50_000)
    expect(await commit(due)).toBe(true)
  })

  test('changes settings from what they are by then', async () => {
    await wish(renaming('coffee'))
    await wish(changeSettings({ makeAdmin: bob.account.publicKey }))
    await commit()
    await adoptCommit()
    await written((tx, { context }) => context.intents.drop(tx, group, numbered(1n)))
    await commit()
    await adoptCommit()
    expect(settingsOf(context, group)).toMatchObject({
      name: 'coffee',
      admins: [{ handle: 'alice' }, { handle: 'bob' }],
    })
  })

  test('waits for key packages', async () => {
    await wish(addAccount({ handle: 'dave' }))
    expect(await commit()).toBe(false)
    expect(open()).toEqual(['addAccount'])
  })

  test.each<GroupPhase>([
    { name: 'leaving', leaveDue: false, commitOut: false },
    { name: 'out-of-sync', askDue: false, leaveDue: false },
    { name: 'committing' },
    { name: 'ended', why: 'removed' },
  ])('is nothing in a group that is $name', async phase => {
    await wish(removal(bob))
    await written(tx => tx.put('groups', at(group.number), { ...group.record, ...phaseRecord(phase) }))
    expect(await commit()).toBe(false)
    await wish(removal(carol))
    expect(open()).toHaveLength(phase.name === 'committing' ? 2 : 1)
  })
})

describe('what has become pointless is dropped without a commit:', () => {
  beforeEach(() => openRoom())

  test.each<[string, () => IntentChange]>([
    ['a removal of who is not there', () => removal(dave)],
    ['a removal of this device', () => removal(alice)],
    ['somebody who is there already', () => addAccount(claimOf(bob))],
    ['a device that is there already', () => addDevices(claimOf(bob), [bob.device.publicKey])],
    ['the name that it has', () => renaming('tea')],
  ])('%s', async (_name, change) => {
    await wish(change())
    expect(await commit()).toBe(false)
    expect(open()).toEqual([])
    expect(impossible).toEqual([])
  })

  test('of a removal of several, those who are out', async () => {
    await wish(removal(bob, carol))
    await written((tx, unit) => forgetDevices(unit.context, tx, groupIn(unit, group), gone(bob)))
    await commit()
    expect(rosterChange()).toEqual({ added: [], removed: ['carol'] })
  })
})

describe('what the others would refuse is never committed, and the person is told:', () => {
  beforeEach(() => openRoom(bob))

  test.each<[string, () => Promise<IntentChange> | IntentChange]>([
    ['a removal', () => removal(carol)],
    ['an addition', () => addition(dave)],
    ['a new name', () => renaming('coffee')],
  ])('%s by who is no admin', async (_name, change) => {
    await wish(await change())
    expect(await commit()).toBe(false)
    expect(open()).toEqual([])
    expect(impossible).toMatchObject([{ cause: 'policy' }])
  })

  test('which keeps nothing else of the same kind back', async () => {
    await changed({ leavingDeviceIds: [carol.device.publicKey] })
    await wish(removal(bob))
    await wish(removal(carol))
    expect(await commit()).toBe(true)
    expect(rosterChange().removed).toEqual(['carol'])
    expect(open()).toEqual(['removeDevices'])
    expect(impossible).toHaveLength(1)
  })

  test('but whoever has asked to leave may be removed', async () => {
    await changed({ leavingDeviceIds: [carol.device.publicKey] })
    await wish(removal(carol))
    expect(await commit()).toBe(true)
    expect(rosterChange().removed).toEqual(['carol'])
  })
})

describe('what the server refuses', () => {
  beforeEach(() => openRoom())

  const refuse = () =>
    written(async (tx, { context, outbox }) => {
      const { clientSequence } = outbox.items().at(-1)!.item
      const reason = { case: 'unknownDevice' as const, value: { deviceId: dave.device.publicKey } }
      await onRejected(context, tx, create(RejectedSendSchema, { clientSequence, reason }))
    })
  const claimed = async () => {
    const [known] = context.intents.of(group)
    if (known?.intent.change.case !== 'addAccount') throw new Error('nobody is to be added')
    expect(known.intent.change.value.keyPackages).toEqual([])
    const intent = { ...known.intent, change: await addition(dave) }
    await written((tx, { context }) => context.intents.save(tx, group, { ...known, intent }))
  }

  test('is made again with newly claimed key packages, once, and then given up', async () => {
    await wish(await addition(dave))
    await commit()
    await refuse()
    expect(told).toEqual([])
    await claimed()
    expect(await commit()).toBe(true)
    await refuse()
    const why = { code: 'rejected', rejection: 'unknown-device' }
    const handle = context.contacts.nameOf(dave.account.publicKey, 'dave')
    expect(told).toMatchObject([{ notice: { code: 'not-added', handle, peer: '#tea', why } }])
    expect(open()).toEqual([])
  })

  test('of several in one commit is made again one by one', async () => {
    await wish(removal(bob))
    await wish(removal(carol))
    await commit()
    await refuse()
    expect(await commit()).toBe(true)
    expect(rosterChange().removed).toEqual(['bob'])
    await adoptCommit()
    await written((tx, unit) => forgetDevices(unit.context, tx, groupIn(unit, group), gone(bob)))
    expect(await commit()).toBe(true)
    expect(rosterChange().removed).toEqual(['carol'])
  })
})
