// Joining a group by a welcome.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind, GroupSettingsSchema } from '../../../../gen/parley/content/v1/room_pb.js'
import {
  type DeliveredWelcome,
  DeliveredWelcomeSchema,
  type Envelope,
  EnvelopeSchema,
} from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import type { Context } from '../../../../services/endpoint/context.js'
import { signed } from '../../../../services/endpoint/groups/heads.js'
import { encodeSettings } from '../../../../services/endpoint/groups/policy.js'
import type { Placed } from '../../../../services/endpoint/ids.js'
import { joinByWelcome } from '../../../../services/endpoint/messages/join.js'
import { MlsRefused } from '../../../../services/endpoint/mls/refused.js'
import { openTestContext, pinned, type TestContext } from '../../../support/endpoint-context.js'
import { keyPackageOf } from '../../../support/endpoint-groups.js'
import { adminOf, secondDevice } from '../../../support/group.js'
import { keyIn, placed } from '../../../support/numbers.js'
import { saidIn } from '../../../support/said.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
  epochs = 0
})

interface Invitation {
  by?: OwnAccount
  /** Besides this device and the one who made it. */
  others?: OwnAccount[]
  settings?: Uint8Array
  lastResort?: boolean
  id?: Uint8Array
  /** The epoch that it leads to; later than those of the invitations before unless given. */
  epoch?: number
}

let epochs = 0

const ID = new Uint8Array(16).fill(7)
const roomSettings = (admin = bob, change: object = {}) =>
  encodeSettings(
    create(GroupSettingsSchema, { kind: GroupKind.ROOM, name: 'tea', admins: [adminOf(admin)], ...change }),
  )

/** Somebody makes a group and adds this device to it. */
async function invitation({
  by = bob,
  others = [],
  settings,
  lastResort = false,
  id = ID,
  epoch = ++epochs,
}: Invitation = {}) {
  const { engine } = testing.context
  const own = await keyPackageOf(engine, alice)
  await testing.written(tx => {
    const { publicPackage, privatePackage } = own
    const next = BigInt(tx.keys('keypackages').length + 1)
    tx.put('keypackages', keyIn('keypackages', { group: 0n, id: next }), {
      publicPackage,
      privatePackage,
      lastResort,
    })
  })
  let founded = await engine.create({
    groupId: id,
    keyPackage: await keyPackageOf(engine, by),
    ...(settings && { settings }),
  })
  for (let made = 1; made < epoch; made++)
    founded = engine.adopt(founded, (await engine.commit(founded, {})).pending).state
  const pairs = await Promise.all(others.map(other => keyPackageOf(engine, other)))
  const add = [own, ...pairs].map(({ publicPackage }) => publicPackage)
  return welcomeBy(by, (await engine.commit(founded, { add })).welcome!)
}

/** A welcome as the server delivers it, of a bundle that this account's device has signed. */
function welcomeBy(by: OwnAccount, welcome: Uint8Array): DeliveredWelcome {
  const bundle = { epoch: 0n, commit: Uint8Array.of(1), welcomes: [{ welcome }] }
  const { head, headSignature } = signed({ account: by }, ID, bundle)
  return create(DeliveredWelcomeSchema, { welcome, epoch: 1n, head, headSignature })
}

let sequence = 0n
const envelopeOf = (conversationId = ID) =>
  placed(create(EnvelopeSchema, { conversationId, sequence: ++sequence, storedAtMs: 77n }))

/** `change`: of what the parts share. */
const join = (
  welcome: DeliveredWelcome,
  { envelope = envelopeOf(), change = {} }: { envelope?: Placed<Envelope>; change?: Partial<Context> } = {},
) =>
  testing.written((tx, { context }) =>
    joinByWelcome(Object.assign(Object.create(context), change), tx, envelope, welcome),
  )
const group = () => testing.context.groups.byId(ID)
const conversations = () => testing.context.conversations.all().map(({ kind, peer }) => `${kind} ${peer}`)
const refusals = () =>
  testing.told.flatMap(event =>
    event.type === 'notice' && event.notice.code === 'invitation-refused' ? [event.notice.why] : [],
  )
const keyPackages = () => testing.context.records.keys('keypackages').length
const lines = () =>
  testing.context.conversations
    .all()
    .flatMap(({ number }) => testing.context.conversations.history(number).map(saidIn))

describe('a welcome', () => {
  test('of somebody opens the conversation with them, who only claim to be called so', async () => {
    await join(await invitation())
    const bobsName = testing.context.contacts.nameOf(bob.account.publicKey)
    expect(bobsName).toMatch(/^bob~.{8}$/)
    expect(conversations()).toEqual([`direct ${bobsName}`])
    expect(group()?.phase.name).toBe('active')
    expect(group()?.record).toMatchObject({ joinedEpoch: 1n, lastSequence: sequence })
    expect(testing.context.contacts.get(bob.account.publicKey)?.accountKey).toEqual(bob.account.publicKey)
    expect(testing.told.map(({ type }) => type)).toEqual(['conversation', 'conversation'])
    expect(testing.told.at(-1)).toMatchObject({ peer: bobsName, state: 'ready' })
    expect([keyPackages(), testing.context.records.keys('welcomes')]).toEqual([0, []])
  })

  test('leaves the key package of last resort', async () => {
    await join(await invitation({ lastResort: true }))
    expect([group()?.phase.name, keyPackages()]).toEqual(['active', 1])
  })

  test('to a room says who is in it, its topic, and what is handed over', async () => {
    const settings = roomSettings(bob, { topic: 'green', history: { days: 3 } })
    await join(await invitation({ settings, others: [carol] }))
    expect(conversations()).toEqual(['room #tea'])
    expect(lines()).toEqual([expect.stringMatching(/bob.*carol.*green/s)])
    expect(lines()[0]).toContain('3 days')
  })

  test('of another device of this account opens the conversation of own devices', async () => {
    const settings = encodeSettings(create(GroupSettingsSchema, { kind: GroupKind.OWN_DEVICES }))
    await join(await invitation({ by: secondDevice(alice), settings }))
    expect(testing.context.conversations.all().map(({ kind }) => kind)).toEqual(['own-devices'])
    expect(testing.told).toEqual([])
  })
})

describe('a welcome is refused', () => {
  test.each<[string, object, Invitation]>([
    [
      'for another conversation than the server says',
      { code: 'other-conversation' },
      { id: new Uint8Array(16) },
    ],
    ['with settings that are none', { code: 'bad-settings' }, { settings: Uint8Array.of(0xff) }],
    ['to a conversation of two with three in it', { code: 'not-two-people' }, { others: [carol] }],
    [
      'to own devices with somebody else among them',
      { code: 'foreign-account' },
      { settings: encodeSettings(create(GroupSettingsSchema, { kind: GroupKind.OWN_DEVICES })) },
    ],
    ['with somebody in it who goes by this handle', { code: 'own-handle' }, { by: makeAccount('alice') }],
  ])('%s', async (_, why, how) => {
    await join(await invitation(how))
    expect(refusals()).toEqual([why])
    expect([group(), conversations(), keyPackages()]).toEqual([undefined, [], 1])
    expect(testing.context.records.keys('welcomes')).toEqual([])
  })

  test('that the engine refuses', async () => {
    await join(welcomeBy(bob, Uint8Array.of(1, 2, 3)))
    expect(refusals()).toEqual([{ code: 'mls', cause: 'malformed' }])
  })

  test('that nobody signed, or that the server says something else of, before it is opened', async () => {
    const welcome = await invitation()
    const forged: Partial<DeliveredWelcome>[] = [
      { headSignature: new Uint8Array() },
      { head: new Uint8Array() },
      { welcome: welcome.welcome.slice(1) },
      { epoch: 2n },
    ]
    const opener = { open: () => Promise.reject(new Error('opened')), close: async () => undefined }
    for (const change of forged) await join({ ...welcome, ...change }, { change: { welcomes: opener } })
    const envelope = envelopeOf(new Uint8Array(16))
    await join(welcome, { envelope, change: { welcomes: opener } })
    expect(refusals()).toEqual(Array.from({ length: 5 }, () => ({ code: 'not-signed' })))
    expect(testing.context.records.keys('welcomes')).toEqual([])
  })

  test('that somebody signed who is not in the group', async () => {
    const { welcome } = await invitation()
    await join(welcomeBy(carol, welcome))
    expect(refusals()).toEqual([{ code: 'not-signed' }])
    expect([group(), conversations(), keyPackages()]).toEqual([undefined, [], 1])
  })

  test('of a room that somebody changed against its rules', async () => {
    await join(await invitation({ settings: roomSettings() }))
    await pinned(testing, carol)
    await testing.written((tx, { context }) => {
      const known = context.groups.byId(ID)!
      context.groups.change(tx, known, { brokenBy: carol.account.publicKey })
      context.groups.move(tx, known, { input: 'removed' })
    })
    await join(await invitation({ settings: roomSettings() }))
    expect(refusals()).toEqual([{ code: 'against-rules', from: 'carol' }])
    expect(group()?.phase.name).toBe('ended')
  })

  test('in silence where all who can invite are blocked', async () => {
    await testing.written((tx, { context }) => context.contacts.block(tx, bob.account.publicKey, true))
    testing.told.length = 0
    await join(await invitation({ settings: roomSettings(), others: [carol] }))
    expect([group(), testing.told, keyPackages()]).toEqual([undefined, [], 1])
    // Of two admins one may have invited.
    const settings = roomSettings(bob, { admins: [adminOf(bob), adminOf(carol)] })
    await join(await invitation({ settings, others: [carol] }))
    expect(group()?.phase.name).toBe('active')
  })
})

describe('a welcome to a group that is known', () => {
  const joinRoom = async (how: Invitation = {}) =>
    join(await invitation({ settings: roomSettings(), ...how }))

  test('is not taken while this device is in it', async () => {
    await joinRoom()
    const before = group()!.record
    await joinRoom({ by: carol })
    expect(group()!.record).toEqual(before)
    expect(keyPackages()).toBe(1)
  })

  test('is not taken twice', async () => {
    const envelope = envelopeOf()
    const welcome = await invitation({ settings: roomSettings() })
    await join(welcome, { envelope })
    await testing.written((tx, { context }) =>
      context.groups.move(tx, context.groups.byId(ID)!, { input: 'removed' }),
    )
    await join(welcome, { envelope })
    expect(group()?.phase.name).toBe('ended')
  })

  test('takes it in again, in the same conversation, and says who was made an admin meanwhile', async () => {
    await joinRoom()
    const { conversation } = group()!.record
    await testing.written((tx, { context }) =>
      context.groups.move(tx, context.groups.byId(ID)!, { input: 'state-lost', askedLately: false }),
    )
    await joinRoom({
      settings: roomSettings(bob, { admins: [adminOf(bob), adminOf(carol)] }),
      others: [carol],
    })
    expect(group()!.phase.name).toBe('active')
    expect(group()!.record.conversation).toBe(conversation)
    expect(lines().at(-1)).toContain('carol')
    expect(conversations()).toEqual(['room #tea'])
  })

  describe('is refused, with the key package kept for another one,', () => {
    const lost = async () =>
      await testing.written((tx, { context }) =>
        context.groups.move(tx, context.groups.byId(ID)!, { input: 'state-lost', askedLately: false }),
      )

    test('where a member who is no admin would be one in it', async () => {
      await joinRoom({ others: [carol] })
      await lost()
      const before = [group()!.record, lines()]
      await joinRoom({ by: carol, settings: roomSettings(carol), others: [bob] })
      expect(refusals()).toEqual([{ code: 'not-theirs' }])
      expect([group()!.record, lines()]).toEqual(before)
      expect(keyPackages()).toBe(1)
    })

    test('where a server has made a conversation of its own of one with somebody', async () => {
      await join(await invitation())
      await lost()
      const mallory = makeAccount('mallory')
      await join(await invitation({ by: mallory }))
      await join(await invitation({ by: mallory, settings: roomSettings(mallory), others: [bob] }))
      const own = encodeSettings(create(GroupSettingsSchema, { kind: GroupKind.OWN_DEVICES }))
      await join(await invitation({ by: secondDevice(alice), settings: own }))
      expect(refusals().map(({ code }) => code)).toEqual(['not-theirs', 'not-theirs', 'not-theirs'])
      expect([group()!.phase.name, keyPackages()]).toEqual(['out-of-sync', 3])
      expect(testing.context.contacts.get(mallory.account.publicKey)).toBeUndefined()
      await join(await invitation())
      expect(group()!.phase.name).toBe('active')
    })

    test('where it leads back to an epoch that is over', async () => {
      await joinRoom({ epoch: 3 })
      await lost()
      for (const epoch of [2, 3]) await joinRoom({ epoch })
      expect(refusals().map(({ code }) => code)).toEqual(['not-theirs', 'not-theirs'])
      await joinRoom({ epoch: 4 })
      expect(group()!.phase.name).toBe('active')
    })
  })

  test('only to say that this account leaves shows nothing', async () => {
    await joinRoom()
    await testing.written((tx, { context }) => {
      const known = context.groups.byId(ID)!
      context.groups.move(tx, known, { input: 'state-lost', askedLately: false })
      context.groups.move(tx, known, { input: 'leave', alone: false })
    })
    const before = lines()
    testing.told.length = 0
    await joinRoom()
    expect(group()!.phase).toMatchObject({ name: 'leaving', leaveDue: true })
    expect([lines(), testing.told]).toEqual([before, []])
  })
})

describe('opening', () => {
  const failing = (error: Error, times = Number.POSITIVE_INFINITY) => {
    let left = times
    return {
      open: async (request: Parameters<Context['welcomes']['open']>[0]) => {
        if (left-- > 0) throw error
        return await testing.context.welcomes.open(request)
      },
      close: async () => undefined,
    }
  }

  test('is tried again where it took too long, and given up at last', async () => {
    const welcome = await invitation()
    await join(welcome, { change: { welcomes: failing(new MlsRefused('too-costly'), 2) } })
    expect(group()?.phase.name).toBe('active')
    testing = await openTestContext(alice)
    await join(await invitation(), { change: { welcomes: failing(new MlsRefused('too-costly')) } })
    expect(refusals()).toEqual([{ code: 'too-many-attempts', attempts: 3 }])
  })

  test('that takes the program down is noted before, and not tried for ever', async () => {
    const envelope = envelopeOf()
    const welcome = await invitation()
    const down = { envelope, change: { welcomes: failing(new Error('the end')) } }
    for (let attempt = 1; attempt <= 3; attempt++) {
      await expect(join(welcome, down)).rejects.toThrow('the end')
      expect(testing.context.records.keys('welcomes')).toHaveLength(attempt)
    }
    await join(welcome, down)
    expect(refusals()).toEqual([{ code: 'too-many-attempts', attempts: 3 }])
    expect(testing.context.records.keys('welcomes')).toEqual([])
  })
})

test('settings go through the welcome as they are', async () => {
  const settings = roomSettings(bob, { topic: 'green' })
  await join(await invitation({ settings }))
  const taken = testing.context.engine.settings(group()!.state)!
  expect(toBinary(GroupSettingsSchema, fromBinary(GroupSettingsSchema, taken))).toEqual(settings)
})
