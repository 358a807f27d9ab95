// The engine's welcomes and commits as somebody understands them who has read RFC 9420 and shares no code with it.

import { describe, expect, test } from '@jest/globals'
import { createContext } from '../../../../services/endpoint/mls/context.js'
import type { CommitChange, Engine, KeyPackagePair } from '../../../../services/endpoint/mls/engine.js'
import { decodePrivate } from '../../../../services/endpoint/mls/key-package.js'
import { Member } from '../../../support/mls/member.js'
import {
  acceptAll,
  agreed,
  commitAs,
  type Device,
  engineFor,
  FAST_SUITE,
  found,
  keyPackageOf,
  newDevice,
  type Seat,
  text,
  XWING_SUITE,
} from './people.js'
import { type Random, randomFrom } from './walk.js'

const [SETTINGS, LEAF, JOINER] = [0xf0a1, 0xf0a2, 0xf0a3]

interface Witness {
  device: Device
  member: Member
}

async function witnessOf(
  welcome: Uint8Array,
  device: Device,
  pair: KeyPackagePair,
  engine: Engine,
): Promise<Witness> {
  const suite = engine.suite === 1 ? FAST_SUITE : XWING_SUITE
  const keys = decodePrivate(await createContext({ validate: acceptAll, suite }), pair.privatePackage)
  const own = { keyPackage: pair.publicPackage, init: keys.initPrivateKey, encryption: keys.hpkePrivateKey }
  return { device, member: new Member(welcome, own) }
}

/** That the witness is where a seat is. */
function expectSame({ member }: Witness, { engine, state }: Seat): void {
  expect(member.epoch.authenticator).toEqual(engine.epochAuthenticator(state))
  expect(member.context.treeHash).toEqual(state.groupContext.treeHash)
  const data = member.context.extensions.find(({ type }) => type === SETTINGS)?.data
  expect(data).toEqual(engine.settings(state))
}

/** Seats of the engine and one witness, who joined last. */
async function scene(engine: Engine, count: number): Promise<{ seats: Seat[]; witness: Witness }> {
  const founder = await found(engine, 'founder', text('first'))
  const devices = await Promise.all(Array.from({ length: count }, (_, index) => newDevice(`${index}`)))
  const pairs = await Promise.all(devices.map(device => keyPackageOf(engine, device)))
  const { welcome } = await commitAs(founder, [], {
    add: pairs.map(pair => pair.publicPackage),
    joiner: text('for those who join'),
  })
  const seats = [founder]
  for (const [index, device] of devices.slice(0, -1).entries())
    seats.push({ device, engine, state: (await engine.unsafeJoinHere(welcome!, [pairs[index]!])).state })
  return { seats, witness: await witnessOf(welcome!, devices.at(-1)!, pairs.at(-1)!, engine) }
}

const leafOf = ({ engine, state }: Seat) => engine.ownLeaf(state)
const others = (seats: Seat[], seat: Seat) => seats.filter(each => each !== seat)
const suites = [
  ['of the vectors', FAST_SUITE, 1],
  ['of Parley', XWING_SUITE, 83],
] as const

describe.each(suites)('with the suite %s', (_name, suite, number) => {
  test('one commit of everything says what it says, and leads where it leads', async () => {
    const engine = await engineFor({ suite })
    expect(engine.suite).toBe(number)
    const { seats, witness } = await scene(engine, 6)
    expectSame(witness, seats[0]!)
    const joiner = witness.member.welcomed.extensions.find(({ type }) => type === JOINER)
    expect([witness.member.welcomed.signer, joiner?.data]).toEqual([0, text('for those who join')])
    const [alice, bob, carol, dave, ...rest] = seats as [Seat, Seat, Seat, Seat, ...Seat[]]
    const [again, erin] = [await keyPackageOf(engine, carol.device), await newDevice('erin')]
    const { commit } = await commitAs(bob, [alice, ...rest], {
      add: [again.publicPackage, (await keyPackageOf(engine, erin)).publicPackage],
      remove: [leafOf(carol), leafOf(dave)],
      settings: text('second'),
      leafData: text('new'),
      authenticatedData: text('entries'),
    })
    const followed = witness.member.open(commit)
    expectSame(witness, alice)
    expect(followed).toMatchObject({ committer: 1, authenticatedData: text('entries'), added: [2, 3] })
    const node = witness.member.tree[2]
    expect(node?.kind === 'leaf' && node.leaf.extensions).toEqual([{ type: LEAF, data: text('new') }])
    expect(node?.kind === 'leaf' && node.leaf.capabilities).toEqual({
      versions: [1],
      suites: [number],
      extensions: [10, SETTINGS, LEAF, JOINER],
      credentials: [1],
    })
  })

  test('where the left half of the tree is blank', async () => {
    const engine = await engineFor({ suite })
    const { seats, witness } = await scene(engine, 7)
    const [left, [fifth, sixth, seventh]] = [seats.slice(0, 4), seats.slice(4) as [Seat, Seat, Seat]]
    const removal = await commitAs(fifth, [sixth, seventh], { remove: left.map(leafOf) })
    witness.member.open(removal.commit)
    expectSame(witness, fifth)
    for (const [committer, ...rest] of [
      [sixth, fifth, seventh],
      [seventh, fifth, sixth],
    ] as [Seat, Seat, Seat][]) {
      const { commit } = await commitAs(committer, rest, { settings: text('half') })
      expect(agreed([committer, ...rest])).toBe(true)
      witness.member.open(commit)
      expectSame(witness, committer)
    }
  })
})

interface Course {
  engine: Engine
  seats: Seat[]
  witness: Witness
  random: Random
}

interface Coming {
  device: Device
  pair: KeyPackagePair
}

/** Anything at once: some go, some of those come back in the same commit, others are new, and settings change. */
async function randomChange({ engine, seats, witness, random }: Course, committer: Seat) {
  const going = others(seats, committer).filter(() => random(4) === 0)
  const isWitnessBack = random(5) === 0
  const devices = going.filter(() => random(2) === 0).map(({ device }) => device)
  if (isWitnessBack) devices.push(witness.device)
  for (let count = seats.length < 12 ? random(3) : 0; count > 0; count--) devices.push(await newDevice('new'))
  const coming: Coming[] = []
  for (const device of devices) coming.push({ device, pair: await keyPackageOf(engine, device) })
  const change: CommitChange = {
    add: coming.map(({ pair }) => pair.publicPackage),
    remove: [...going.map(leafOf), ...(isWitnessBack ? [witness.member.leaf] : [])],
    ...(random(2) === 0 && { settings: Uint8Array.of(random(256)) }),
    ...(random(2) === 0 && { leafData: Uint8Array.of(random(256)) }),
    authenticatedData: Uint8Array.of(random(256)),
  }
  return { change, going, coming }
}

/** One commit, which all who stay and the witness follow, and by which the others join. */
async function step(course: Course): Promise<void> {
  const { engine, seats, random } = course
  const committer = seats[random(seats.length)]!
  const { change, going, coming } = await randomChange(course, committer)
  const staying = seats.filter(seat => !going.includes(seat))
  const { commit, welcome } = await commitAs(committer, others(staying, committer), change)
  course.seats = staying
  const back = coming.find(({ device }) => device === course.witness.device)
  if (back) course.witness = await witnessOf(welcome!, back.device, back.pair, engine)
  else
    expect(course.witness.member.open(commit)).toMatchObject({
      authenticatedData: change.authenticatedData,
    })
  for (const { device, pair } of coming)
    if (device !== back?.device)
      course.seats.push({ device, engine, state: (await engine.unsafeJoinHere(welcome!, [pair])).state })
  expect(agreed(course.seats)).toBe(true)
  expectSame(course.witness, committer)
}

test.each([1, 2, 3, 4])('along a random course of commits (seed %i)', async seed => {
  const engine = await engineFor({ suite: FAST_SUITE })
  const course: Course = { engine, ...(await scene(engine, 5)), random: randomFrom(seed) }
  for (let count = 0; count < 25; count++) await step(course)
})
