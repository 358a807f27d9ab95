// The settings on which a group's members agree besides who they are, and who leaves and comes back.

import { describe, expect, test } from '@jest/globals'
import { MlsRefused } from '../../../../services/endpoint/mls/engine.js'
import { MAX_SETTINGS_BYTES, SETTINGS_EXTENSION } from '../../../../services/endpoint/mls/extensions.js'
import type { Extension, Proposal } from '../../../../services/endpoint/mls/library.js'
import { forgedCommit, keyPackageWithout, libraryCommit } from './forge.js'
import {
  acceptAll,
  addAs,
  agreed,
  commitAs,
  engineFor,
  found,
  keyPackageOf,
  newDevice,
  openAs,
  outcome,
  type Seat,
  sealAs,
  text,
  three,
} from './people.js'

const engine = await engineFor()
const settingsOf = (seat: Seat) => engine.settings(seat.state)
const leafOf = (seat: Seat) => engine.ownLeaf(seat.state)
const proposalOf = (extensions: Extension[]): Proposal => ({
  proposalType: 'group_context_extensions',
  groupContextExtensions: { extensions },
})

const extensionOf = (extensionType: Extension['extensionType'], length = 4): Extension => ({
  extensionType,
  extensionData: new Uint8Array(length),
})

describe('settings', () => {
  test('are what the group was created with, for everyone who joins', async () => {
    const alice = await found(engine, 'alice', text('first'))
    expect(settingsOf(alice)).toEqual(text('first'))
    const [bob] = await addAs(alice, [], ['bob'])
    expect(settingsOf(bob!)).toEqual(text('first'))
  })

  test('are none where none were given, which is not the same as empty ones', async () => {
    const [alice, bob] = await three(engine)
    expect([settingsOf(alice), settingsOf(bob)]).toEqual([undefined, undefined])
    expect(settingsOf(await found(engine, 'alice', new Uint8Array()))).toEqual(new Uint8Array())
  })

  test.each([
    ['that had none', undefined],
    ['that had others', text('first')],
  ])('of a group %s change by a commit, for all and in every later epoch', async (_name, before) => {
    const alice = await found(engine, 'alice', before)
    const [bob, carol] = (await addAs(alice, [], ['bob', 'carol'])) as [Seat, Seat]
    const late = await sealAs(carol, 'late')
    await commitAs(bob, [alice, carol], { settings: text('second') })
    expect(await openAs(alice, late)).toBe('late')
    const [dave] = await addAs(carol, [alice, bob], ['dave'])
    await commitAs(alice, [bob, dave!], { remove: [leafOf(carol)] })
    await commitAs(dave!, [alice, bob])
    expect(agreed([alice, bob, dave!])).toBe(true)
    for (const seat of [alice, bob, dave!]) expect(settingsOf(seat)).toEqual(text('second'))
    expect(await openAs(dave!, await sealAs(alice, 'hello'))).toBe('hello')
  })

  test('are copies: nobody changes a group through them', async () => {
    const given = text('first')
    const alice = await found(engine, 'alice', given)
    given.fill(0)
    settingsOf(alice)!.fill(0)
    expect(settingsOf(alice)).toEqual(text('first'))
  })

  test('are shown to the policy before anything is applied, and refused by it change nothing', async () => {
    const [alice, bob] = await three(engine)
    const { commit } = await engine.commit(alice.state, { settings: text('evil') })
    const seen: unknown[] = []
    const refused = await engine.open(bob.state, commit, change => {
      seen.push(change.settings)
      return false
    })
    expect([seen, outcome(refused)]).toEqual([[text('evil')], 'refused: policy'])
    expect(settingsOf(bob)).toBeUndefined()
    const opened = await engine.open(bob.state, commit, acceptAll)
    expect(opened).toMatchObject({ kind: 'commit', settings: text('evil'), added: [], removed: [] })
  })

  test('are not in what the policy sees of other commits', async () => {
    const alice = await found(engine, 'alice', text('first'))
    const [bob] = await addAs(alice, [], ['bob'])
    const { commit } = await engine.commit(alice.state, {})
    const opened = await engine.open(bob!.state, commit, change => change.settings === undefined)
    expect(opened).not.toHaveProperty('settings')
    expect(opened.kind).toBe('commit')
  })

  test('of two who change them at once: the loser takes the winner, and tries again', async () => {
    const [alice, bob, carol] = await three(engine)
    const won = await engine.commit(alice.state, { settings: text('of alice') })
    const lost = await engine.commit(bob.state, { settings: text('of bob') })
    alice.state = engine.adopt(alice.state, won.pending).state
    for (const seat of [bob, carol]) expect(await openAs(seat, won.commit)).toBe('commit')
    expect(await openAs(carol, lost.commit)).toBe('old-epoch')
    expect(settingsOf(bob)).toEqual(text('of alice'))
    await commitAs(bob, [alice, carol], { settings: text('of bob') })
    expect(agreed([alice, bob, carol])).toBe(true)
    for (const seat of [alice, bob, carol]) expect(settingsOf(seat)).toEqual(text('of bob'))
  })

  test('that lose against another change are made again on top of it', async () => {
    const [alice, bob, carol] = await three(engine)
    const won = await engine.commit(alice.state, { remove: [leafOf(carol)] })
    await engine.commit(bob.state, { settings: text('again') })
    alice.state = engine.adopt(alice.state, won.pending).state
    expect(await openAs(bob, won.commit)).toBe('commit')
    expect(settingsOf(bob)).toBeUndefined()
    await commitAs(bob, [alice], { settings: text('again') })
    expect([settingsOf(alice), agreed([alice, bob])]).toEqual([text('again'), true])
  })

  test('survive a restart, pending and in force', async () => {
    const [alice, bob] = await three(engine)
    const made = await engine.commit(alice.state, { settings: text('saved') })
    alice.state = engine.adopt(engine.load(engine.save(alice.state)), made.pending).state
    expect(await openAs(bob, made.commit)).toBe('commit')
    for (const seat of [alice, bob]) {
      seat.state = engine.load(engine.save(seat.state))
      expect(settingsOf(seat)).toEqual(text('saved'))
    }
    const sealed = await engine.seal(alice.state, text('hello'))
    const restored = engine.applyDelta(
      alice.state,
      sealed.changed,
      engine.delta(sealed.state, sealed.changed),
    )
    expect(engine.settings(restored)).toEqual(text('saved'))
    expect(await openAs(bob, sealed.ciphertext)).toBe('hello')
  })
})

describe('settings that cannot be', () => {
  const causeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'made',
      (error: unknown) => (error instanceof MlsRefused ? error.why : error),
    )

  test('are not made: too long', async () => {
    const [alice, bob] = await three(engine)
    const long = new Uint8Array(MAX_SETTINGS_BYTES + 1)
    expect(await causeOf(engine.commit(alice.state, { settings: long }))).toBe('bad-change')
    expect(await causeOf(found(engine, 'alice', long))).toBe('bad-change')
    await commitAs(alice, [bob], { settings: long.subarray(1) })
    expect(settingsOf(bob)).toHaveLength(MAX_SETTINGS_BYTES)
  })

  test.each<[string, Extension[]]>([
    ['no extension', []],
    ['another extension only', [extensionOf('application_id')]],
    ['another of private use', [extensionOf(0xf0a2)]],
    ['another beside the settings', [extensionOf(SETTINGS_EXTENSION), extensionOf('application_id')]],
    ['settings twice', [extensionOf(SETTINGS_EXTENSION), extensionOf(SETTINGS_EXTENSION)]],
    ['settings that are too long', [extensionOf(SETTINGS_EXTENSION, MAX_SETTINGS_BYTES + 1)]],
  ])('are refused from others: %s', async (_name, extensions) => {
    const alice = await found(engine, 'alice', text('first'))
    const [bob] = await addAs(alice, [], ['bob'])
    expect(await openAs(bob!, await libraryCommit(alice.state, [proposalOf(extensions)]))).toBe(
      'refused: unsupported',
    )
    expect(settingsOf(bob!)).toEqual(text('first'))
  })

  test('are refused from others twice in one commit, and without new keys for the committer', async () => {
    const [alice, bob] = await three(engine)
    const settings = proposalOf([extensionOf(SETTINGS_EXTENSION)])
    expect(await openAs(bob, await libraryCommit(alice.state, [settings]))).toBe('refused: unsupported')
    await expect(forgedCommit(alice, [settings, settings])).rejects.toMatchObject({ why: 'bad-change' })
    expect(await openAs(bob, await forgedCommit(alice, [settings]))).toBe('commit')
  })
})

describe('a device that cannot have settings', () => {
  test('is left out by who adds, while the others come in', async () => {
    const alice = await found(engine, 'alice')
    const old = await keyPackageWithout(await newDevice('old'))
    const { publicPackage } = await keyPackageOf(engine, await newDevice('bob'))
    const made = await engine.commit(alice.state, { add: [old.bytes, publicPackage] })
    expect(made.refused).toEqual([{ index: 0, cause: 'unsupported' }])
    expect(engine.members(engine.adopt(alice.state, made.pending).state)).toHaveLength(2)
  })

  test('is refused from others who add it', async () => {
    const [alice, bob] = await three(engine)
    const { keyPackage } = await keyPackageWithout(await newDevice('old'))
    const forged = await forgedCommit(alice, [{ proposalType: 'add', add: { keyPackage } }])
    expect(await openAs(bob, forged)).toBe('refused: unsupported')
  })
})

describe('a device that was removed', () => {
  test('joins the same group again with a new key package, and not with the one it used', async () => {
    const alice = await found(engine, 'alice', text('first'))
    const [bob, carol] = (await addAs(alice, [], ['bob', 'carol'])) as [Seat, Seat]
    const between = await sealAs(bob, 'before the removal')
    await commitAs(alice, [bob], { remove: [leafOf(carol)] })
    const unheard = await sealAs(alice, 'while out')
    await commitAs(bob, [alice], { settings: text('second') })
    const pair = await keyPackageOf(engine, carol.device)
    const { welcome } = await commitAs(alice, [bob], { add: [pair.publicPackage] })
    const { state } = await engine.unsafeJoinHere(welcome!, [pair])
    const again: Seat = { ...carol, state }
    expect([agreed([alice, bob, again]), settingsOf(again)]).toEqual([true, text('second')])
    for (const missed of [between, unheard]) expect(await openAs(again, missed)).toBe('old-epoch')
    expect(await openAs(bob, await sealAs(again, 'back'))).toBe('back')
    await commitAs(again, [alice, bob])
    expect(await openAs(again, await sealAs(alice, 'welcome back'))).toBe('welcome back')
    expect(await openAs(carol, await sealAs(alice, 'not for the old state'))).toBe('future-epoch')
  })

  test('is refused while it is in, and comes back any number of times', async () => {
    const alice = await found(engine, 'alice')
    const [bob, carol] = (await addAs(alice, [], ['bob', 'carol'])) as [Seat, Seat]
    for (let round = 0; round < 3; round++) {
      const pair = await keyPackageOf(engine, carol.device)
      const early = engine.commit(alice.state, { add: [pair.publicPackage] })
      await expect(early).rejects.toMatchObject({ why: 'no-usable-key-package' })
      await commitAs(bob, [alice], { remove: [leafOf(carol)] })
      const { welcome } = await commitAs(alice, [bob], { add: [pair.publicPackage] })
      carol.state = (await engine.unsafeJoinHere(welcome!, [pair])).state
      await commitAs(carol, [alice, bob])
      expect(agreed([alice, bob, carol])).toBe(true)
    }
  })
})
