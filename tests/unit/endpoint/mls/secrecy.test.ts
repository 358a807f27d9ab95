// The secrets that a state holds no longer: keys of nodes that are blank, and secrets that were used.

import { describe, expect, test } from '@jest/globals'
import { type GroupState, wipe } from '../../../../services/endpoint/mls/engine.js'
import {
  acceptAll,
  addAs,
  agreed,
  commitAs,
  engineFor,
  found,
  openAs,
  type Seat,
  sealAs,
  text,
} from './people.js'

const engine = await engineFor()

/** Five, each of whom has committed, so that no parent node is blank and each has a key for each above it. */
async function five(): Promise<Seat[]> {
  const alice = await found(engine, 'alice')
  const seats = [alice, ...(await addAs(alice, [], ['bob', 'carol', 'dave', 'erin']))]
  for (const seat of seats) await commitAs(seat, othersOf(seats, seat))
  return seats
}

const othersOf = (seats: Seat[], seat: Seat) => seats.filter(other => other !== seat)
const ownKeys = ({ state }: Seat) => Object.keys(state.privatePath.privateKeys).map(Number)
const isZero = (bytes: Uint8Array) => bytes.every(byte => byte === 0)

/** The nodes that a seat has a private key for and that have no public one. */
const keysOfBlanks = (seat: Seat) => ownKeys(seat).filter(node => seat.state.ratchetTree[node] === undefined)

/** The ratchet that a seat seals with. */
function sendingRatchet(state: GroupState) {
  const node = state.secretTree[2 * state.privatePath.leafIndex]
  if (node === undefined) throw new Error('no ratchet')
  return node.application
}

describe('private keys of nodes that a commit made blank', () => {
  test('are gone from the state of those who open it', async () => {
    const [alice, bob, carol, dave] = (await five()) as [Seat, Seat, Seat, Seat]
    // Alice and Bob share node 1, of which Bob's removal by somebody else leaves nothing.
    expect(ownKeys(alice)).toContain(1)
    await commitAs(dave, [alice, carol], { remove: [engine.ownLeaf(bob.state)] })
    expect(alice.state.ratchetTree[1]).toBeUndefined()
    for (const seat of [alice, carol, dave]) expect(keysOfBlanks(seat)).toEqual([])
    expect(ownKeys(alice).length).toBeGreaterThan(1)
    expect(agreed([alice, carol, dave])).toBe(true)
  })

  test('are gone from the state of the one who made it', async () => {
    const [alice, bob, ...others] = (await five()) as [Seat, Seat, ...Seat[]]
    expect(ownKeys(alice)).toContain(1)
    await commitAs(alice, others, { remove: [engine.ownLeaf(bob.state)] })
    expect(alice.state.ratchetTree[1]).toBeUndefined()
    for (const seat of [alice, ...others]) expect(keysOfBlanks(seat)).toEqual([])
    await commitAs(others[0]!, [alice, ...others.slice(1)])
    expect(agreed([alice, ...others])).toBe(true)
  })
})

describe('what was spent', () => {
  test('is all that the state before could have sealed or opened the message with', async () => {
    const [alice, bob] = (await five()) as [Seat, Seat]
    const before = alice.state
    const sealed = await engine.seal(before, text('once'))
    expect(isZero(sendingRatchet(before).secret)).toBe(false)
    wipe(sealed.spent)
    expect(isZero(sendingRatchet(before).secret)).toBe(true)
    const receiver = bob.state
    const opened = await engine.open(receiver, sealed.ciphertext, acceptAll)
    if (opened.kind !== 'application') throw new Error(opened.kind)
    wipe(opened.spent)
    const ratchet = receiver.secretTree[2 * engine.ownLeaf(before)]!.application
    expect(isZero(ratchet.secret)).toBe(true)
  })

  test('of an epoch that others left are the secrets that lead to the next one', async () => {
    const [alice, bob] = (await five()) as [Seat, Seat]
    const before = bob.state
    const made = await engine.commit(alice.state, {})
    const opened = await engine.open(before, made.commit, acceptAll)
    if (opened.kind !== 'commit') throw new Error(opened.kind)
    expect(isZero(before.keySchedule.initSecret)).toBe(false)
    wipe(opened.spent)
    expect(isZero(before.keySchedule.initSecret)).toBe(true)
  })

  test('of an epoch that we left is wiped when our commit is taken over, and late messages still open', async () => {
    const [alice, bob] = (await five()) as [Seat, Seat]
    const late = await sealAs(bob, 'late')
    const before = alice.state
    const made = await engine.commit(before, {})
    const { state, spent } = engine.adopt(before, made.pending)
    expect(isZero(before.keySchedule.initSecret)).toBe(false)
    alice.state = state
    wipe(spent)
    expect(isZero(before.keySchedule.initSecret)).toBe(true)
    expect(before.secretTree.every(node => isZero(node.handshake.secret))).toBe(true)
    expect(await openAs(alice, late)).toBe('late')
  })

  test('of epochs that were left, the ratchets of others alone are kept, and of the last two', async () => {
    const seats = await five()
    const [alice, bob] = seats as [Seat, Seat]
    for (const committer of [alice, bob, alice]) await commitAs(committer, othersOf(seats, committer))
    for (const { state } of seats) {
      const epoch = engine.epoch(state)
      expect([...state.historicalReceiverData.keys()]).toEqual([epoch - 2n, epoch - 1n])
      for (const past of state.historicalReceiverData.values()) {
        expect(past.resumptionPsk).toHaveLength(0)
        expect(past.ratchetTree.filter((_, node) => node % 2 === 1).every(node => node === undefined)).toBe(
          true,
        )
        for (const [node, { handshake, application }] of past.secretTree.entries()) {
          expect(handshake.secret).toHaveLength(0)
          const isOthers = node % 2 === 0 && node !== 2 * engine.ownLeaf(state)
          if (!isOthers) expect(application.secret).toHaveLength(0)
        }
      }
    }
  })
})
