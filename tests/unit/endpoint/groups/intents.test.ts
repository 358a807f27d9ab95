// Changes that a device is to commit: what is committed, what becomes pointless, what others would refuse.

import { create, fromBinary } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { CommitBundleSchema, RejectedSendSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import {
  addAccount,
  addDevices,
  changeSettings,
  commitIntents,
  commitUpdate,
  forgetDevices,
  type IntentChange,
  intend,
  removeAccount,
  withoutKeyPackages,
} from '../../../../services/endpoint/groups/intents.js'
import type { Impossible } from '../../../../services/endpoint/groups/plan.js'
import type { GroupPhase } from '../../../../services/endpoint/groups/state/group.js'
import { contextOf } from '../../../../services/endpoint/groups/state/held.js'
import { transition } from '../../../../services/endpoint/groups/transition.js'
import { onRejected } from '../../../../services/endpoint/messages/rejections.js'
import { queueCommit } from '../../../../services/endpoint/messages/sealing/outbox.js'
import { MlsRefused } from '../../../../services/endpoint/mls/engine.js'
import { readWelcomed } from '../../../../services/protocol/conversation/welcomed-group.js'
import { decodeBundleHead } from '../../../../services/protocol/log/bundle-head.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { claimOf, openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { keyPackageOf, learn } from '../../../support/endpoint-groups.js'
import { type GroupSetup, secondDevice, TestGroup } from '../../../support/group.js'
import { numbered } from '../../../support/numbers.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const dave = makeAccount('dave')
const EVERYBODY = [alice, bob, carol, dave]
const idOf = ({ device }: OwnAccount) => device.publicKey
const keyOf = ({ account }: OwnAccount) => account.publicKey

let testing: TestContext
/** With alice, whose device this is and who is its admin unless carol has made it, bob and carol. */
let group: TestGroup
let impossible: Impossible[]
const openRoom = async (setup: Partial<GroupSetup> = {}) => {
  testing = await openTestContext(alice)
  group = await TestGroup.of(testing, { others: [bob, carol], room: {}, ...setup })
  await testing.written((_, unit) => learn(unit, [dave]))
  impossible = []
}
beforeEach(() => openRoom())

const wish = (change: IntentChange, delayMs = 0) =>
  testing.written((tx, unit) => intend(unit.context, tx, group.in(unit), change, delayMs))
const commit = (now = testing.clock.now()) =>
  testing.written(async (tx, unit) => {
    const done = await commitIntents(unit.context, tx, group.in(unit), now)
    impossible.push(...done.impossible)
    if (done.made) queueCommit(unit.outbox, tx, group.number, done.made)
    return done.made !== undefined
  })
const open = () => testing.context.intents.of(group).map(({ intent }) => intent.change.case)
/** The bundle of the last commit, as the server gets it. */
const sent = () => {
  const what = testing.outbox.items().at(-1)?.item.what
  if (what?.case !== 'commit') throw new Error('no commit is on its way')
  return fromBinary(CommitBundleSchema, what.value.commitBundle)
}
const namesOf = (devices: readonly Uint8Array[] = []) =>
  devices.map(device => EVERYBODY.find(each => Buffer.compare(idOf(each), device) === 0)?.handle ?? '?')
const rosterChange = () => {
  const { rosterChange: change } = sent()
  return { added: namesOf(change?.addedDeviceIds), removed: namesOf(change?.removedDeviceIds) }
}
const adoptCommit = () =>
  testing.written((tx, unit) => {
    const here = group.in(unit)
    const { state } = unit.context.engine.adopt(here.state, here.pending!)
    unit.context.groups.enter(tx, here, { state, held: here.heldAfter(state) })
    transition(unit.context, tx, here, { input: 'commit-won' })
  })
const drop = (id: bigint) =>
  testing.written((tx, { context }) => context.intents.drop(tx, group, numbered(id)))
const forget = (...accounts: OwnAccount[]) =>
  testing.written((tx, unit) => forgetDevices(unit.context, tx, group.in(unit), accounts.map(idOf)))

const removal = (account: OwnAccount): IntentChange => removeAccount(keyOf(account))
const packageOf = async (account: OwnAccount) =>
  (await keyPackageOf(testing.context.engine, account)).publicPackage
const addition = async (account: OwnAccount): Promise<IntentChange> =>
  addAccount(claimOf(account), [await packageOf(account)])
const withPackages = async (accounts: OwnAccount[]): Promise<IntentChange> => {
  const { case: kind, value } = addDevices(claimOf(accounts[0]!), accounts.map(idOf))
  return { case: kind, value: { ...value, keyPackages: await Promise.all(accounts.map(packageOf)) } }
}
const renaming = (name: string): IntentChange => changeSettings({ name })

describe('what is due', () => {
  test('goes in one commit, and stays intended until that is done', async () => {
    await wish(await addition(dave))
    await wish(removal(bob))
    await wish(renaming('coffee'))
    expect(await commit()).toBe(true)
    expect(rosterChange()).toEqual({ added: ['dave'], removed: ['bob'] })
    // Nothing more is committed while that is under way.
    expect([await commit(), group.live.phase.name]).toEqual([false, 'committing'])
    expect(open()).toEqual(['addAccount', 'removeAccount', 'changeSettings'])
    await adoptCommit()
    const { members, settings } = group.live.held.state
    expect(members.map(({ accountKey }) => accountKey)).toEqual([alice, carol, dave].map(keyOf))
    expect(settings?.name).toBe('coffee')
    expect(namesOf(group.live.held.leaves.map(({ deviceKey }) => deviceKey)).sort()).toEqual([
      ...['alice', 'carol', 'dave'],
    ])
  })

  test('is signed for the server by this device, and hands those who come all that the group holds', async () => {
    const pair = await keyPackageOf(testing.context.engine, dave)
    await wish(addAccount(claimOf(dave), [pair.publicPackage]))
    await commit()
    const { head, welcomes, epoch } = sent()
    const { conversationId } = group.live.record
    expect([decodeBundleHead(head), epoch]).toMatchObject([{ deviceId: idOf(alice), conversationId }, 1n])
    expect(welcomes.map(({ deviceIds }) => namesOf(deviceIds))).toEqual([['dave']])
    const { engine } = testing.context
    const { state, joiner, signer } = await engine.unsafeJoinHere(welcomes[0]!.welcome, [pair])
    await adoptCommit()
    const opened = { ...contextOf(engine, state), joiner, signer: signer.signatureKey }
    const { held, entries } = readWelcomed(crypto, opened)
    expect({ ...held, entries }).toEqual(group.live.held)
  })

  test('leaves out a key package that is no good, and adds the others', async () => {
    const phone = secondDevice(dave)
    await testing.written((_, unit) => learn(unit, [phone]))
    const { case: kind, value } = addAccount(claimOf(dave), [Uint8Array.of(1, 2, 3), await packageOf(dave)])
    await wish({ case: kind, value })
    expect(await commit()).toBe(true)
    expect(rosterChange()).toEqual({ added: ['dave'], removed: [] })
  })

  test('that the engine refuses is tried by itself, and only what is the cause is given up', async () => {
    await wish(await addition(dave))
    await wish(removal(bob))
    const failing = (error: Error, where: (add: number) => boolean) =>
      testing.written(async (tx, unit) => {
        const { engine } = unit.context
        const commit: typeof engine.commit = (state, change) =>
          where(change.add?.length ?? 0) ? Promise.reject(error) : engine.commit(state, change)
        const parts = { ...unit.context, engine: { ...engine, commit } }
        return commitIntents(parts, tx, group.in(unit), testing.clock.now())
      })
    // A defect is no refusal.
    await expect(failing(new TypeError('defect'), () => true)).rejects.toThrow('defect')
    const { made, impossible: given } = await failing(new MlsRefused('bad-change'), add => add > 0)
    expect(given).toEqual([{ handle: 'dave', cause: 'bad-change' }])
    expect(namesOf(made?.bundle.rosterChange?.removedDeviceIds)).toEqual(['bob'])
    expect(open()).toEqual(['removeAccount'])
  })

  test('that a key package is left out of is not done by half', async () => {
    await wish(await addition(dave))
    const done = await testing.written(async (tx, unit) => {
      const { engine } = unit.context
      const commit: typeof engine.commit = async (state, change) => ({
        ...(await engine.commit(state, { ...change, add: [] })),
        refused: [{ index: 0, cause: 'no-usable-key-package' }],
      })
      const parts = { ...unit.context, engine: { ...engine, commit } }
      return commitIntents(parts, tx, group.in(unit), testing.clock.now())
    })
    expect(done).toEqual({
      made: undefined,
      impossible: [{ handle: 'dave', cause: 'no-usable-key-package' }],
    })
    expect([group.live.phase.name, group.live.pending]).toEqual(['active', undefined])
  })

  test('is not before its time, and the next time is known', async () => {
    await wish(removal(bob), 60_000)
    expect(await commit()).toBe(false)
    // No update is due.
    await group.change({ committedAtMs: BigInt(testing.clock.now()) })
    const due = testing.context.due.all().find(each => each.group === group.number)!.atMs!
    expect(due).toBe(testing.clock.now() + 60_000)
    expect(await commit(due)).toBe(true)
  })

  test('changes settings from what they are by then', async () => {
    await wish(renaming('coffee'))
    await wish(changeSettings({ makeAdmin: keyOf(bob) }), 1)
    await commit()
    await adoptCommit()
    await drop(1n)
    await commit(testing.clock.now() + 1)
    await adoptCommit()
    const { settings, members } = group.live.held.state
    expect([settings?.name, members.map(({ isAdmin }) => isAdmin)]).toEqual(['coffee', [true, true, false]])
  })

  test.each<GroupPhase>([
    { name: 'leaving', leaveDue: false, commitOut: false },
    { name: 'out-of-sync', askDue: false, leaveDue: false },
    { name: 'broken', succeedAtMs: 5, leaveDue: false },
    { name: 'committing' },
    { name: 'requested' },
    { name: 'ended', why: 'removed' },
  ])('is nothing in a group that is $name', async phase => {
    await wish(removal(bob))
    await group.enter(phase)
    expect(await commit()).toBe(false)
    await wish(removal(carol))
    expect(open()).toHaveLength(phase.name === 'committing' ? 2 : 1)
  })
})

describe('what has become pointless is dropped without a commit:', () => {
  test.each<[string, () => IntentChange]>([
    ['a removal of who is not there', () => removal(dave)],
    ['somebody who is there already', () => addAccount(claimOf(bob), [Uint8Array.of(1)])],
    ['a device that is there already', () => addDevices(claimOf(bob), [idOf(bob)])],
    ['the name that it has', () => renaming('tea')],
  ])('%s', async (_name, change) => {
    await wish(change())
    expect(await commit()).toBe(false)
    expect([open(), impossible]).toEqual([[], []])
  })

  test('of several devices to be added, those who are out by then', async () => {
    const change = await withPackages([bob, carol])
    await wish(change)
    await wish(addDevices(claimOf(bob), [idOf(bob)]))
    await wish(removal(bob))
    await forget(bob, dave)
    const left = testing.context.intents.of(group).map(({ intent }) => intent.change)
    // Their key packages are claimed anew.
    expect(left).toMatchObject([
      { case: 'addDevices', value: { deviceIds: [idOf(carol)], keyPackages: [] } },
      { case: 'removeAccount' },
    ])
    await forget(dave)
    expect(testing.context.intents.of(group).map(({ intent }) => intent.change)).toEqual(left)
  })
})

test('key packages are claimed anew for those who are added, and nothing else is changed', async () => {
  const changes = [await addition(dave), await withPackages([bob]), removal(bob)]
  expect(changes.map(withoutKeyPackages)).toEqual([
    addAccount(claimOf(dave)),
    addDevices(claimOf(bob), [idOf(bob)]),
    removal(bob),
  ])
})

describe('what the others would refuse is never committed, and the person is told:', () => {
  beforeEach(() => openRoom({ by: carol }))

  test.each<[string, () => Promise<IntentChange> | IntentChange]>([
    ['a removal', () => removal(carol)],
    ['an addition', () => addition(dave)],
    ['a new name', () => renaming('coffee')],
  ])('%s by who is no admin', async (_name, change) => {
    await wish(await change())
    expect(await commit()).toBe(false)
    expect([open(), group.live.phase.name]).toEqual([[], 'active'])
    expect(impossible).toMatchObject([{ cause: 'policy' }])
  })

  test('which keeps nothing else back, and is nobody else’s fault', async () => {
    await openRoom()
    const tablet = secondDevice(bob)
    await testing.written((_, unit) => learn(unit, [tablet]))
    // They wait for key packages, which are no part of what is refused.
    await wish(addAccount({ handle: 'erin' }))
    await wish(await withPackages([tablet]))
    await wish(await withPackages([tablet]))
    await wish(renaming('coffee'))
    // The device cannot be in it twice, so each is made by itself.
    expect(await commit()).toBe(true)
    expect(rosterChange()).toEqual({ added: ['?'], removed: [] })
    expect([impossible, open()]).toEqual([
      ...[[], ['addAccount', 'addDevices', 'addDevices', 'changeSettings']],
    ])
    await adoptCommit()
    await drop(2n)
    await forget(tablet)
    expect(open()).toEqual(['addAccount', 'changeSettings'])
    expect(await commit()).toBe(true)
    await adoptCommit()
    expect([group.live.held.state.settings?.name, impossible]).toEqual(['coffee', []])
  })
})

describe('an update', () => {
  const update = () => testing.written((tx, unit) => commitUpdate(unit.context, tx, group.in(unit)))

  test('changes nothing but the keys of this device', async () => {
    const before = group.live.held
    const { bundle, intents } = await update()
    expect([intents, bundle.welcomes, bundle.rosterChange]).toEqual([[], [], undefined])
    await adoptCommit()
    expect(group.live.held).toEqual({ ...before, epoch: 2n })
  })

  test('that the engine refuses is told as that', async () => {
    const failing = testing.written((tx, unit) => {
      const engine = { ...unit.context.engine, commit: () => Promise.reject(new MlsRefused('damaged')) }
      return commitUpdate({ ...unit.context, engine }, tx, group.in(unit))
    })
    await expect(failing).rejects.toMatchObject({ why: 'damaged' })
  })
})

describe('what the server refuses', () => {
  const refuse = () =>
    testing.written(async (tx, { context, outbox }) => {
      const { clientSequence } = outbox.items().at(-1)!.item
      const reason = { case: 'unknownDevice' as const, value: { deviceId: idOf(dave) } }
      await onRejected(context, tx, create(RejectedSendSchema, { clientSequence, reason }))
    })
  const claimed = async () => {
    const [known] = testing.context.intents.of(group)
    if (known?.intent.change.case !== 'addAccount') throw new Error('nobody is to be added')
    expect(known.intent.change.value.keyPackages).toEqual([])
    const intent = { ...known.intent, change: await addition(dave) }
    await testing.written((tx, { context }) => context.intents.save(tx, group, { ...known, intent }))
  }

  test('is made again with newly claimed key packages, once, and then given up', async () => {
    await wish(await addition(dave))
    await commit()
    await refuse()
    expect(testing.told).toEqual([])
    await claimed()
    expect(await commit()).toBe(true)
    await refuse()
    const why = { code: 'rejected', rejection: 'unknown-device' }
    const handle = testing.context.contacts.nameOf(keyOf(dave), 'dave')
    expect(testing.told).toMatchObject([{ notice: { code: 'not-added', handle, peer: '#tea', why } }])
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
    await drop(1n)
    expect(await commit()).toBe(true)
    expect(rosterChange().removed).toEqual(['carol'])
  })
})
