// All that one commit may hold at once, and what those who take it and those who join by it are told of it.

import { describe, expect, test } from '@jest/globals'
import type { JudgedChange } from '../../../../services/endpoint/mls/engine.js'
import { MAX_AUTHENTICATED_BYTES, MAX_LEAF_DATA_BYTES } from '../../../../services/endpoint/mls/extensions.js'
import { MlsRefused } from '../../../../services/endpoint/mls/refused.js'
import { MAX_JOINER_BYTES } from '../../../../services/protocol/conversation/limits.js'
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
const leafOf = (seat: Seat) => engine.ownLeaf(seat.state)

async function causeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
    return 'made'
  } catch (error) {
    return error instanceof MlsRefused ? error.why : error
  }
}

describe('one commit of everything', () => {
  test('is judged by all that it holds, and done as a whole', async () => {
    const [alice, bob, carol] = await three(engine)
    const dave = await newDevice('dave')
    const pair = await engine.newKeyPackage({ ...dave, leafData: text('list 7') })
    const made = await engine.commit(alice.state, {
      add: [pair.publicPackage],
      remove: [leafOf(carol)],
      settings: text('second'),
      leafData: text('list 3'),
      authenticatedData: text('head'),
      joiner: text('story'),
    })
    const expected = {
      committer: { leaf: 0, identity: alice.device.identity, signatureKey: alice.device.publicKey },
      leafData: text('list 3'),
      added: [{ identity: dave.identity, signatureKey: dave.publicKey, leafData: text('list 7') }],
      removed: [
        { leaf: leafOf(carol), identity: carol.device.identity, signatureKey: carol.device.publicKey },
      ],
      settings: text('second'),
      authenticatedData: text('head'),
    }
    expect(made.change).toEqual(expected)
    const judged: JudgedChange[] = []
    const policy = (change: JudgedChange) => judged.push(change) > 0
    const opened = await engine.open(bob.state, made.commit, policy)
    expect(opened).toMatchObject({ kind: 'commit', ...expected, added: [{ leaf: 2 }] })
    expect(await engine.open(carol.state, made.commit, policy)).toEqual({
      kind: 'removed',
      committer: expected.committer,
      change: expected,
    })
    expect(judged).toEqual([expected, expected])
    if (opened.kind !== 'commit') throw new Error(opened.kind)
    bob.state = opened.state
    alice.state = engine.adopt(alice.state, made.pending).state
    const joined = await engine.unsafeJoinHere(made.welcome!, [pair])
    expect(joined).toMatchObject({ signer: { ...expected.committer, leafData: text('list 3') } })
    expect(joined.joiner).toEqual(text('story'))
    const seats = [alice, bob, { device: dave, engine, state: joined.state }]
    expect(agreed(seats)).toBe(true)
    for (const { state } of seats)
      expect(engine.members(state).map(({ leafData }) => leafData)).toEqual([
        text('list 3'),
        undefined,
        text('list 7'),
      ])
    expect(await openAs(seats[2]!, await sealAs(alice, 'hello'))).toBe('hello')
  })

  test('that the policy refuses does nothing, and is not on the way of the next', async () => {
    const [alice, bob] = await three(engine)
    const { publicPackage } = await keyPackageOf(engine, await newDevice('dave'))
    const change = { add: [publicPackage], settings: text('evil') }
    const { commit } = await engine.commit(alice.state, change)
    const saved = engine.save(bob.state)
    const policy = ({ settings }: JudgedChange) => settings === undefined
    expect(await engine.open(bob.state, commit, policy)).toEqual({
      kind: 'refused',
      cause: 'policy',
      by: expect.objectContaining({ leaf: 0, identity: alice.device.identity }),
    })
    expect(engine.save(bob.state)).toEqual(saved)
    await commitAs(alice, [bob])
    expect(agreed([alice, bob])).toBe(true)
  })

  test('always renews the keys of who makes it, and of the nodes above', async () => {
    const [alice, bob, carol] = await three(engine)
    const { publicPackage } = await keyPackageOf(engine, await newDevice('dave'))
    for (const change of [{}, { settings: text('second') }, { add: [publicPackage] }]) {
      const before = alice.state.privatePath.privateKeys
      await commitAs(alice, [bob, carol], change)
      const after = alice.state.privatePath.privateKeys
      for (const node of Object.keys(after).map(Number)) expect(after[node]).not.toEqual(before[node])
    }
  })
})

describe('a device that is removed and added again', () => {
  test('is one commit of one member, which it follows by the welcome alone', async () => {
    const [alice, bob, carol] = await three(engine)
    for (let round = 0; round < 3; round++) {
      const late = await sealAs(bob, 'late')
      const pair = await keyPackageOf(engine, carol.device)
      const made = await engine.commit(alice.state, {
        add: [pair.publicPackage],
        remove: [leafOf(carol)],
      })
      const opened = await engine.open(bob.state, made.commit, ({ added, removed }) => {
        expect([added[0]?.signatureKey, removed[0]?.signatureKey]).toEqual([
          carol.device.publicKey,
          carol.device.publicKey,
        ])
        return true
      })
      if (opened.kind !== 'commit') throw new Error(outcome(opened))
      bob.state = opened.state
      expect((await engine.open(carol.state, made.commit, acceptAll)).kind).toBe('removed')
      alice.state = engine.adopt(alice.state, made.pending).state
      const old = carol.state
      carol.state = (await engine.unsafeJoinHere(made.welcome!, [pair])).state
      expect([agreed([alice, bob, carol]), leafOf(carol)]).toEqual([true, 2])
      expect(await openAs(alice, late)).toBe('late')
      expect(await openAs(carol, late)).toBe('old-epoch')
      const next = await sealAs(bob, 'next')
      expect(await openAs(carol, next)).toBe('next')
      expect(outcome(await engine.open(old, next, acceptAll))).toBe('future-epoch')
      await commitAs(carol, [alice, bob])
    }
    expect(engine.members(alice.state)).toHaveLength(3)
  })

  test('may come back where another has its leaf now', async () => {
    const alice = await found(engine, 'alice')
    const [bob, carol, dave] = (await addAs(alice, [], ['bob', 'carol', 'dave'])) as [Seat, Seat, Seat]
    const [erin, again] = [await newDevice('erin'), await keyPackageOf(engine, bob.device)]
    const { publicPackage } = await keyPackageOf(engine, erin)
    const { welcome } = await commitAs(dave, [alice, carol], {
      add: [publicPackage, again.publicPackage],
      remove: [leafOf(bob)],
    })
    expect(engine.members(carol.state).map(({ identity }) => identity)).toEqual(
      [alice, { device: erin }, carol, dave, bob].map(({ device }) => device.identity),
    )
    bob.state = (await engine.unsafeJoinHere(welcome!, [again])).state
    await commitAs(bob, [alice, carol, dave])
    expect(agreed([alice, bob, carol, dave])).toBe(true)
  })

  test('is refused where it is not removed, and its leaf may not be named twice', async () => {
    const [alice, , carol] = await three(engine)
    const { publicPackage } = await keyPackageOf(engine, carol.device)
    const add = [publicPackage]
    expect(await causeOf(engine.commit(alice.state, { add }))).toBe('no-usable-key-package')
    expect(await causeOf(engine.commit(alice.state, { add, remove: [2, 2] }))).toBe('bad-change')
    expect(await causeOf(engine.commit(alice.state, { add, remove: [1] }))).toBe('no-usable-key-package')
  })
})

describe('what a leaf says', () => {
  test('stays until its owner says something else', async () => {
    const [alice, bob, carol] = await three(engine)
    const said = () => engine.members(carol.state).map(({ leafData }) => leafData)
    await commitAs(bob, [alice, carol], { leafData: text('one') })
    await commitAs(bob, [alice, carol], { settings: text('settings') })
    expect(said()).toEqual([undefined, text('one'), undefined])
    const opened = await engine.open(
      alice.state,
      (await engine.commit(bob.state, { leafData: new Uint8Array() })).commit,
      ({ committer, leafData }) => {
        expect([committer.leafData, leafData]).toEqual([text('one'), new Uint8Array()])
        return true
      },
    )
    expect(opened).toMatchObject({ kind: 'commit', leafData: new Uint8Array() })
  })

  test('is in what a key package is inspected for', async () => {
    const device = await newDevice('dave')
    const { publicPackage } = await engine.newKeyPackage({ ...device, leafData: text('list 9') })
    expect(await engine.inspectKeyPackage(publicPackage)).toMatchObject({ leafData: text('list 9') })
  })
})

test('what is too long is not made', async () => {
  const [alice] = await three(engine)
  const long = (length: number) => new Uint8Array(length + 1)
  for (const change of [
    { leafData: long(MAX_LEAF_DATA_BYTES) },
    { authenticatedData: long(MAX_AUTHENTICATED_BYTES) },
    { joiner: long(MAX_JOINER_BYTES) },
  ])
    expect(await causeOf(engine.commit(alice.state, change))).toBe('bad-change')
  const device = await newDevice('dave')
  expect(await causeOf(engine.newKeyPackage({ ...device, leafData: long(MAX_LEAF_DATA_BYTES) }))).toBe(
    'bad-change',
  )
})

test('key packages say their suite, and one of another is damaged to us', async () => {
  const pair = await keyPackageOf(engine, await newDevice('dave'))
  expect([engine.suite, pair.suite]).toEqual([83, 83])
  const alice = await found(engine, 'alice')
  const { welcome } = await engine.commit(alice.state, { add: [pair.publicPackage] })
  const privatePackage = pair.privatePackage.slice()
  privatePackage[2] = 1
  expect(await causeOf(engine.unsafeJoinHere(welcome!, [{ ...pair, privatePackage }]))).toBe('damaged')
})
