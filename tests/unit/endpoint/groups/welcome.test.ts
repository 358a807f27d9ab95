// A welcome to a group that somebody else made: opened after a note that this was tried, and read for what it says.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { ConversationKind } from '../../../../gen/parley/content/v1/chain_pb.js'
import { EnvelopeSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { type GroupPhase, joined } from '../../../../services/endpoint/groups/state/group.js'
import type { GroupInEpoch, LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import { type Held, keptBytes, newLeafOf } from '../../../../services/endpoint/groups/state/held.js'
import {
  forgetAttempts,
  JoinRefused,
  type OpenedWelcome,
  openWelcome,
  readWelcome,
} from '../../../../services/endpoint/groups/welcome.js'
import { conversationNumber, NO_KEY, sequenceOf } from '../../../../services/endpoint/ids.js'
import type { Member } from '../../../../services/endpoint/mls/engine.js'
import { MlsRefused } from '../../../../services/endpoint/mls/refused.js'
import type { WelcomeRequest } from '../../../../services/endpoint/mls/welcome-opener.js'
import { continueChain } from '../../../../services/protocol/conversation/chain/chain.js'
import type { Change } from '../../../../services/protocol/conversation/chain/change.js'
import { makeEntry } from '../../../../services/protocol/conversation/chain/entry.js'
import { planCommit } from '../../../../services/protocol/conversation/commit-verdict.js'
import { encodeGroupState } from '../../../../services/protocol/conversation/group-state.js'
import { foundGroup as foundHeld } from '../../../../services/protocol/conversation/held-group.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { foundGroup, keyPackageOf } from '../../../support/endpoint-groups.js'
import { secondDevice } from '../../../support/group.js'
import { leafDataOf } from '../../../support/known-accounts.js'
import { keyIn, placed } from '../../../support/numbers.js'

const alice = makeAccount('alice')
const phone = secondDevice(alice)
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const { ROOM, DIRECT, OWN_DEVICES } = ConversationKind

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
})

const envelopeOf = (conversationId: Uint8Array) =>
  placed(create(EnvelopeSchema, { conversationId, sequence: 5n, storedAtMs: 7n }))

const signedBy = ({ certificate, device }: OwnAccount): Member => ({
  ...{ leaf: 0, identity: certificate, signatureKey: device.publicKey },
})

/** A group with this device in it, as a welcome of this account shows it once it is opened. */
const openedBy = (by: OwnAccount, { state, held }: GroupInEpoch) => {
  const saved = testing.context.engine.save(state)
  const opened: OpenedWelcome = {
    state: saved,
    joiner: keptBytes(held),
    signer: signedBy(by),
    used: undefined,
  }
  return { envelope: envelopeOf(held.groupId), opened }
}
type Opened = ReturnType<typeof openedBy>

const welcomed = async (by: OwnAccount, others: OwnAccount[], room?: { name?: string }) => {
  const founded = await foundGroup(testing.context.engine, by, {
    ...{ others: [alice, ...others], ...(room && { room }) },
  })
  return openedBy(by, await founded.join(0))
}

/** Its kind, the others, and why it is joined; or the code of the refusal. */
const read = ({ envelope, opened }: Opened) => {
  try {
    const { held, others, reason } = readWelcome(testing.context, envelope, opened)
    return { kind: held.state.kind, others: others.map(({ handle }) => handle).sort(), reason }
  } catch (error) {
    return error instanceof JoinRefused ? error.why.code : (error as Error).name
  }
}

describe('a welcome', () => {
  test('shows what the group is, and the accounts in it besides this one, each once', async () => {
    expect(read(await welcomed(bob, [carol, secondDevice(bob), phone], {}))).toEqual({
      ...{ kind: ROOM, others: ['bob', 'carol'], reason: 'first' },
    })
    expect(read(await welcomed(bob, [phone]))).toEqual({ kind: DIRECT, others: ['bob'], reason: 'first' })
    expect(read(await welcomed(phone, []))).toEqual({ kind: OWN_DEVICES, others: [], reason: 'first' })
  })

  test('shows all that the group holds, and whose signature is under it', async () => {
    const founded = await foundGroup(testing.context.engine, bob, { others: [alice, carol], room: {} })
    const { envelope, opened } = openedBy(carol, await founded.join(0))
    const { held, by } = readWelcome(testing.context, envelope, opened)
    expect([held, by]).toEqual([founded.held, carol.account.publicKey])
  })

  test('is not what the server says where it is of another conversation', async () => {
    const welcome = await welcomed(bob, [])
    expect(read({ ...welcome, envelope: envelopeOf(new Uint8Array(16)) })).toBe('other-conversation')
  })

  test.each<[string, (good: OpenedWelcome, founded: GroupInEpoch) => OpenedWelcome]>([
    ['without what a newcomer has to know', ({ joiner: _, ...good }) => good],
    ['with what cannot be read of it', good => ({ ...good, joiner: Uint8Array.of(255) })],
    [
      'without an entry',
      (good, { held }) => ({ ...good, joiner: keptBytes({ ...held, entries: held.entries.slice(0, 1) }) }),
    ],
    [
      'without a device list',
      (good, { held }) => {
        const ledger = { ...held.ledger, accounts: held.ledger.accounts.slice(1) }
        return { ...good, joiner: keptBytes({ ...held, ledger }) }
      },
    ],
    ['that somebody else has signed', good => ({ ...good, signer: signedBy(makeAccount('dave')) })],
  ])('%s leads to no group that could be right', async (_, change) => {
    const founded = await foundGroup(testing.context.engine, bob, { others: [alice, carol], room: {} })
    const welcome = openedBy(bob, await founded.join(0))
    expect(read({ ...welcome, opened: change(welcome.opened, founded) })).toBe('not-right')
  })

  test('to a group without a state, or that this device is not in, leads to none either', async () => {
    const { engine } = testing.context
    const founded = await foundGroup(engine, bob, { others: [carol], room: {} })
    expect(read(openedBy(bob, await founded.join(0)))).toBe('not-right')
    const bare = await engine.create({
      groupId: founded.held.groupId,
      keyPackage: await keyPackageOf(engine, alice),
    })
    expect(read(openedBy(bob, { ...founded, state: bare }))).toBe('not-right')
  })

  test('is refused by an error that says why', async () => {
    const { envelope, opened } = await welcomed(bob, [makeAccount('alice')], {})
    const refused = () => readWelcome(testing.context, envelope, opened)
    expect(refused).toThrow(expect.objectContaining({ name: 'JoinRefused', message: 'own-handle' }))
  })

  test('has nobody in it who goes by the handle of somebody else', async () => {
    expect(read(await welcomed(bob, [makeAccount('alice')], {}))).toBe('own-handle')
    const twice = await welcomed(bob, [carol, makeAccount('bob')], {})
    expect(() => readWelcome(testing.context, twice.envelope, twice.opened)).toThrow(
      expect.objectContaining({ why: { code: 'handle-twice', handle: 'bob' } }),
    )
  })
})

describe('a welcome to a room that is known here', () => {
  let known: LiveGroup
  let first: Held
  const EXTRA = new Uint8Array(16).fill(66)

  const add = async ({ state, held }: GroupInEpoch, phase: GroupPhase = joined()) => {
    const number = await testing.written(
      (tx, { context }) =>
        context.groups.add(tx, { conversation: conversationNumber(1n), phase }, { state, held }).number,
    )
    return testing.context.groups.get(number)!
  }
  const change = (group: LiveGroup, changed: Parameters<TestContext['context']['groups']['change']>[2]) =>
    testing.written((tx, { context }) =>
      context.groups.change(tx, context.groups.get(group.number)!, changed),
    )

  interface Next {
    incarnation?: number
    /** Of that group; the first one's unless given. */
    before?: Held
    by?: OwnAccount
    /** Made for the new group, or for another one. */
    changes?: readonly Change[]
    foreign?: readonly Change[]
  }
  /** Another group of the room, which somebody has made; as this device has it. */
  async function next({
    incarnation = 2,
    before = first,
    by = carol,
    changes = [],
    foreign = [],
  }: Next = {}) {
    const { engine } = testing.context
    const groupId = testing.context.random.bytes(16)
    const write = (
      state: Held['state'],
      place: { groupId: Uint8Array; epoch: bigint },
      made: readonly Change[],
    ) => {
      const signed = []
      let after = state
      for (const each of made) {
        const entry = makeEntry(crypto, { before: after, ...place }, { ...bob, change: each })
        after = continueChain(crypto, after, [entry]).state
        signed.push(entry)
      }
      return { after, signed }
    }
    const lost = write(before.state, { groupId: EXTRA, epoch: 0n }, foreign)
    const read = continueChain(crypto, before.state, lost.signed)
    const founder = newLeafOf({ ...signedBy(by), leafData: leafDataOf(by) })
    const { accounts } = before.ledger
    const founded = foundHeld({ groupId, incarnation, state: read.state, founder, accounts })
    const start = { ...founded, entries: [...before.entries, ...read.entries] }
    const state = await engine.create({
      ...{ groupId, keyPackage: await keyPackageOf(engine, by) },
      settings: encodeGroupState(crypto, start, []),
    })
    const pair = await keyPackageOf(engine, alice)
    const planned = planCommit(crypto, start, {
      committer: by.device.publicKey,
      entries: write(start.state, { groupId, epoch: 0n }, by === bob ? changes : []).signed,
      added: [newLeafOf({ ...signedBy(alice), leafData: leafDataOf(alice) })],
    })
    const made = await engine.commit(state, {
      add: [pair.publicPackage],
      ...(planned.groupState && { settings: planned.groupState }),
      authenticatedData: planned.basis,
    })
    const own = await engine.unsafeJoinHere(made.welcome!, [pair])
    const held = { ...planned.after, entries: [...start.entries, ...planned.entries] }
    return { state: own.state, held, by }
  }
  type Made = Awaited<ReturnType<typeof next>>
  const reading = (group: Made) => {
    const outcome = read(openedBy(group.by, group))
    return typeof outcome === 'string' ? outcome : outcome.reason
  }
  /** The server has put it into the order of the one before. */
  const listed = async (group: Made, before = known) => {
    const one = {
      $typeName: 'parley.vault.v1.Successor' as const,
      conversationId: group.held.groupId,
      by: NO_KEY,
      listedAtMs: 0n,
    }
    await change(before, { successors: [one] })
    return reading(group)
  }
  const renaming = (name: string): Change => ({
    kind: 'settings',
    settings: { name, topic: '', historyDays: 0 },
  })

  beforeEach(async () => {
    const founded = await foundGroup(testing.context.engine, bob, { others: [alice, carol], room: {} })
    const own = await founded.join(0)
    first = own.held
    known = await add(own)
  })
  const enter = (phase: GroupPhase, group = known) =>
    testing.written((tx, { context }) => {
      const live = context.groups.get(group.number)!
      if (phase.name === 'ended' && phase.why === 'succeeded')
        context.groups.move(tx, live, { input: 'succeeded' })
      else if (phase.name === 'ended') context.groups.move(tx, live, { input: 'removed' })
      else if (phase.name === 'out-of-sync')
        context.groups.move(tx, live, { input: 'state-lost', askedLately: false })
      else if (phase.name === 'broken') context.groups.move(tx, live, { input: 'broken', succeedAtMs: 5 })
    })
  const SUCCEEDED: GroupPhase = { name: 'ended', why: 'succeeded' }
  const OUT: GroupPhase = { name: 'ended', why: 'removed' }
  const LOST: GroupPhase = { name: 'out-of-sync', askDue: false, leaveDue: false }

  test('is taken to the group in which it goes on, whichever member has made that, and to none before it', async () => {
    expect(await listed(await next())).toBe('successor')
    expect(await listed(await next({ by: bob, changes: [renaming('coffee')] }))).toBe('successor')
    const second = await next()
    const live = await add(second)
    await enter(SUCCEEDED)
    expect(reading(await next())).toBe('not-theirs')
    expect(await listed(await next({ incarnation: 3, before: second.held }), live)).toBe('successor')
  })

  test('is not taken where the others are not told of it', async () => {
    expect(reading(await next())).toBe('not-theirs')
  })

  test('is not taken where nobody asked for it, or it does not go on from here', async () => {
    expect(read(openedBy(bob, { state: known.state, held: first }))).toBe('not-theirs')
    expect(reading(await next({ incarnation: 3 }))).toBe('not-theirs')
    expect(reading(await next({ foreign: [renaming('mine')] }))).toBe('not-theirs')
    // It knows more than the one who made the next group.
    const renamed = await next({ by: bob, changes: [renaming('coffee')] })
    await add(renamed)
    await enter(SUCCEEDED)
    expect(reading(await next({ incarnation: 3 }))).toBe('not-theirs')
  })

  test('is taken past others by a device that has asked, or was out', async () => {
    await enter(LOST)
    await change(known, { rejoinEpoch: 1n })
    expect(reading(await next({ incarnation: 4 }))).toBe('rejoin')
    await enter({ name: 'broken', succeedAtMs: 5, leaveDue: false })
    expect(reading(await next({ incarnation: 4 }))).toBe('rejoin')
  })

  test('is taken past others by a device that was taken out, also of one that another one has succeeded', async () => {
    const second = await next()
    const live = await add(second)
    await enter(SUCCEEDED)
    expect(reading(await next({ incarnation: 9, before: second.held }))).toBe('not-theirs')
    await enter(OUT, live)
    expect(reading(await next({ incarnation: 9, before: second.held }))).toBe('return')
  })

  test('is not taken past others by a request that is over with its group', async () => {
    await enter(LOST)
    await change(known, { rejoinEpoch: 1n })
    const second = await next()
    await add(second)
    await enter(SUCCEEDED)
    expect(testing.context.groups.get(known.number)!.record.rejoinEpoch).toBe(1n)
    expect(reading(await next({ incarnation: 9, before: second.held }))).toBe('not-theirs')
    expect(reading(await next({ incarnation: 3, before: second.held, foreign: [renaming('mine')] }))).toBe(
      'not-theirs',
    )
  })

  test('is not taken by the request of a group that a person has given up for another one', async () => {
    await enter(LOST)
    await change(known, { rejoinEpoch: 0n })
    await testing.written((tx, { context }) =>
      context.groups.move(tx, context.groups.get(known.number)!, { input: 'replaced' }),
    )
    expect(reading(await next({ incarnation: 4 }))).toBe('not-theirs')
    expect(read(openedBy(bob, { state: known.state, held: first }))).toBe('not-theirs')
  })

  test('is taken although an own attempt to go on came to nothing, which nobody has seen', async () => {
    const made = await next({ by: carol })
    const own = { ...made, held: { ...made.held, epoch: 0n } }
    const live = await add(own, { name: 'creating' })
    expect(reading(await next())).toBe('not-theirs')
    // The server has not said yet what becomes of that.
    expect(await listed(await next())).toBe('successor')
    await testing.written((tx, { context }) =>
      context.groups.move(tx, context.groups.get(live.number)!, { input: 'commit-dropped' }),
    )
    expect(await listed(await next())).toBe('successor')
  })

  const place = (...groups: Made[]) =>
    change(known, {
      successors: groups.map(({ held: { groupId: conversationId } }) => ({
        ...{ $typeName: 'parley.vault.v1.Successor' as const, conversationId, by: NO_KEY, listedAtMs: 0n },
      })),
    })

  test('is taken to the one that stands last in the order, and not from that to one before it', async () => {
    const [used, other] = [await next(), await next()]
    await add(used)
    await enter(SUCCEEDED)
    expect(reading(other)).toBe('not-theirs')
    await place(used, other)
    expect(reading(other)).toBe('successor')
    await place(other, used)
    expect(reading(other)).toBe('JoinSkipped')
  })

  test('is taken from a group that goes on from one before it, however often', async () => {
    const [used, later] = [await next(), await next()]
    const live = await add(used)
    const further = await next({ incarnation: 3, before: used.held })
    await listed(further, live)
    const last = await add(further)
    await enter(SUCCEEDED)
    await enter(SUCCEEDED, live)
    await place(used, later)
    expect(reading(later)).toBe('successor')
    await add(later)
    await enter(SUCCEEDED, last)
    // One that goes on from what is over comes too late.
    const late = await next({ incarnation: 3, before: used.held })
    await listed(late, live)
    expect(reading(late)).toBe('JoinSkipped')
  })

  test('is taken to one further on in the chain, wherever it stands, and to none that has not all of that', async () => {
    const [plain, renamed] = [await next(), await next({ by: bob, changes: [renaming('coffee')] })]
    await add(plain)
    await enter(SUCCEEDED)
    await place(renamed, plain)
    expect(reading(renamed)).toBe('successor')
    const other = await next()
    await add(renamed)
    await place(renamed, plain, other)
    expect(reading(other)).toBe('JoinSkipped')
    const forked = await next({ by: bob, changes: [renaming('cocoa')] })
    await place(renamed, plain, forked)
    expect(reading(forked)).toBe('not-theirs')
  })

  test('is not taken beside one that this device was taken out of', async () => {
    const [used, later] = [await next(), await next()]
    const live = await add(used)
    await enter(SUCCEEDED)
    await enter(OUT, live)
    await place(used, later)
    expect(reading(later)).toBe('JoinSkipped')
  })

  test('goes on from the group that was used, and not from one that stood behind it', async () => {
    const [behind, ahead] = [await next({ by: bob, changes: [renaming('mine')] }), await next()]
    const live = await add(behind)
    await enter(SUCCEEDED)
    const used = await add(ahead)
    await enter(SUCCEEDED, live)
    expect(await listed(await next({ incarnation: 3, before: ahead.held }), used)).toBe('successor')
    expect(reading(await next({ incarnation: 3, before: behind.held }))).toBe('not-theirs')
  })

  test('is compared with the group of its id as well, whatever chain it names', async () => {
    const other = await foundGroup(testing.context.engine, bob, { others: [alice], room: {} })
    const own = await other.join(0)
    await add({ ...own, held: { ...first, groupId: own.held.groupId } }, joined())
    expect(read(openedBy(bob, own))).toBe('not-theirs')
  })
})

describe('opening a welcome', () => {
  const envelope = envelopeOf(new Uint8Array(16))
  const tries: number[] = []
  const requests: WelcomeRequest[] = []
  const signer = { leaf: 0, identity: bob.certificate, signatureKey: bob.device.publicKey }
  const open = (
    answer: () => Promise<{ state: Uint8Array; usedKeyPackage: number; signer: Member }>,
    of = envelope,
    welcome = Uint8Array.of(1),
  ) =>
    testing.written(async (tx, { context }) => {
      const welcomes = {
        open: async (request: WelcomeRequest) => {
          requests.push(request)
          tries.push(testing.context.records.keys('welcomes').length)
          return await answer()
        },
        close: async () => undefined,
      }
      return await openWelcome({ ...context, welcomes }, tx, of, welcome)
    })
  beforeEach(async () => {
    tries.length = 0
    requests.length = 0
    await testing.written(tx => {
      for (const id of [1n, 2n])
        tx.put('keypackages', keyIn('keypackages', { group: 0n, id }), {
          publicPackage: Uint8Array.of(Number(id)),
        })
    })
  })

  test('says which key package it was for', async () => {
    const opened = await open(async () => ({ state: Uint8Array.of(3), usedKeyPackage: 1, signer }))
    expect(opened).toMatchObject({ state: Uint8Array.of(3), used: { key: { id: 2n } } })
    const keyPackages = [{ publicPackage: Uint8Array.of(1) }, { publicPackage: Uint8Array.of(2) }]
    expect(requests).toMatchObject([{ welcome: Uint8Array.of(1), keyPackages }])
  })

  test('is done once for the same bytes', async () => {
    const welcome = Uint8Array.of(1)
    const answer = async () => ({ state: Uint8Array.of(3), usedKeyPackage: 1, signer })
    const opened = await open(answer, envelope, welcome)
    expect(await open(answer, envelope, welcome)).toBe(opened)
    expect(tries).toEqual([1])
  })

  test('is noted on the disk before each try, and given up after three', async () => {
    const slow = open(() => Promise.reject(new MlsRefused('too-costly')))
    await expect(slow).rejects.toMatchObject({ why: { code: 'too-many-attempts', attempts: 3 } })
    expect(tries).toEqual([1, 2, 3])
    const { conversationId, sequence } = envelope
    const attempt = { conversationId, sequence, attemptedAtMs: BigInt(testing.clock.now()) }
    const noted = testing.context.records.list('welcomes').map(({ record }) => record)
    expect(noted).toMatchObject([attempt, attempt, attempt])
    // Another welcome of the conversation has tries of its own.
    const later = { ...envelope, sequence: sequenceOf(6n) }
    const opened = await open(async () => ({ state: Uint8Array.of(3), usedKeyPackage: 0, signer }), later)
    expect(opened.state).toEqual(Uint8Array.of(3))
  })

  test('is counted by conversation: another one’s may have the same sequence', async () => {
    const other = envelopeOf(new Uint8Array(16).fill(1))
    expect(other.sequence).toBe(envelope.sequence)
    const slow = () => Promise.reject(new MlsRefused('too-costly'))
    for (const of of [envelope, other])
      await expect(open(slow, of)).rejects.toMatchObject({ why: { code: 'too-many-attempts' } })
    expect(tries).toEqual([1, 2, 3, 4, 5, 6])
    await testing.written(tx => forgetAttempts(tx, other))
    const left = testing.context.records.list('welcomes').map(({ record }) => record.conversationId)
    expect(left).toEqual(Array.from({ length: 3 }, () => envelope.conversationId))
  })

  test('is not tried again where it was refused', async () => {
    await expect(open(() => Promise.reject(new MlsRefused('not-authentic')))).rejects.toMatchObject({
      ...{ why: 'not-authentic' },
    })
    expect(tries).toEqual([1])
  })
})
