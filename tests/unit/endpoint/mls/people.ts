// Devices and groups for the tests of the engine. Their credentials are a name, and valid for a
// signature key where the registry here says so.

import { randomBytes } from 'node:crypto'
import {
  type CommitChange,
  createEngine,
  type Engine,
  type GroupState,
  type KeyPackagePair,
  type Opened,
} from '../../../../services/endpoint/mls/engine.js'
import type { CiphersuiteName, CryptoProvider } from '../../../../services/endpoint/mls/library.js'
import { ed25519 } from '../../../../services/endpoint/mls/primitives/signature.js'

export const FAST_SUITE: CiphersuiteName = 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519'
export const XWING_SUITE: CiphersuiteName = 'MLS_256_XWING_AES256GCM_SHA512_Ed25519'

export interface Device {
  name: string
  identity: Uint8Array
  signatureKey: Uint8Array
  publicKey: Uint8Array
}

export const text = (value: string) => new TextEncoder().encode(value)
export const acceptAll = () => true

/** Valid for any key is an identity that ends in that key. */
export function validateByName(identity: Uint8Array, signatureKey: Uint8Array): boolean {
  return Buffer.from(identity).subarray(-32).equals(signatureKey)
}

export function engineFor(
  options: { suite?: CiphersuiteName; provider?: CryptoProvider } = {},
): Promise<Engine> {
  return createEngine({ validate: validateByName, ...options })
}

export async function newDevice(name: string): Promise<Device> {
  const pair = await ed25519().keygen()
  const identity = new Uint8Array(Buffer.concat([text(name), pair.publicKey]))
  return { name, identity, signatureKey: pair.signKey, publicKey: pair.publicKey }
}

export async function keyPackageOf(engine: Engine, device: Device): Promise<KeyPackagePair> {
  const { identity, signatureKey, publicKey } = device
  return engine.newKeyPackage({ identity, signatureKey, publicKey })
}

export interface Seat {
  device: Device
  engine: Engine
  state: GroupState
}

export async function found(engine: Engine, name: string, settings?: Uint8Array): Promise<Seat> {
  const device = await newDevice(name)
  const keyPackage = await keyPackageOf(engine, device)
  const groupId = new Uint8Array(randomBytes(16))
  const state = await engine.create({ groupId, keyPackage, ...(settings && { settings }) })
  return { device, engine, state }
}

/** Commits, adopts, and hands the commit to all others: afterwards every seat is in the next epoch. */
export async function commitAs(
  committer: Seat,
  others: Seat[],
  change: CommitChange = {},
): Promise<{ commit: Uint8Array; welcome?: Uint8Array }> {
  const made = await committer.engine.commit(committer.state, change)
  if (made.refused.length > 0) throw new Error(`refused: ${made.refused[0]?.cause}`)
  committer.state = committer.engine.adopt(committer.state, made.pending).state
  for (const seat of others) {
    const opened = await seat.engine.open(seat.state, made.commit, acceptAll)
    if (opened.kind === 'commit') seat.state = opened.state
    else if (opened.kind !== 'removed') throw new Error(`${seat.device.name}: ${JSON.stringify(opened)}`)
  }
  return made
}

/** Adds devices by names in one commit; the new seats use `engine`. */
export async function addAs(
  committer: Seat,
  others: Seat[],
  names: string[],
  engine = committer.engine,
): Promise<Seat[]> {
  const devices = await Promise.all(names.map(newDevice))
  const packages = await Promise.all(devices.map(device => keyPackageOf(engine, device)))
  const { welcome } = await commitAs(committer, others, { add: packages.map(pair => pair.publicPackage) })
  if (welcome === undefined) throw new Error('no welcome')
  const seats: Seat[] = []
  for (const [index, device] of devices.entries()) {
    const { state } = await engine.unsafeJoinHere(welcome, [packages[index]!])
    seats.push({ device, engine, state })
  }
  return seats
}

export async function sealAs(seat: Seat, plaintext: string): Promise<Uint8Array> {
  const sealed = await seat.engine.seal(seat.state, text(plaintext))
  seat.state = sealed.state
  return sealed.ciphertext
}

/** Opens and keeps the new state; the text, or what it was instead. */
export async function openAs(seat: Seat, message: Uint8Array): Promise<string> {
  const opened = await seat.engine.open(seat.state, message, acceptAll)
  if ('state' in opened) seat.state = opened.state
  return outcome(opened)
}

export function outcome(opened: Opened): string {
  if (opened.kind === 'application') return Buffer.from(opened.plaintext).toString()
  return opened.kind === 'refused' ? `refused: ${opened.cause}` : opened.kind
}

/** Fails unless all seats are in the same epoch of the same group. */
export function agreed(seats: Seat[]): boolean {
  const names = seats.map(({ engine, state }) =>
    Buffer.concat([engine.epochAuthenticator(state), state.groupContext.treeHash]).toString('hex'),
  )
  return new Set(names).size === 1
}

/** Alice, and Bob and Carol whom she added. */
export async function three(engine: Engine): Promise<[Seat, Seat, Seat]> {
  const alice = await found(engine, 'alice')
  const [bob, carol] = await addAs(alice, [], ['bob', 'carol'])
  return [alice, bob!, carol!]
}
