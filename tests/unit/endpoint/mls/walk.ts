// A random walk of a group: members come, go, come back at once, renew their keys, race each other, restart, and talk.
// After every step all members must agree. The course follows from the seed alone; the keys do not.

import assert from 'node:assert/strict'
import type { Engine, GroupState, RatchetPlace } from '../../../../services/endpoint/mls/engine.js'
import {
  acceptAll,
  agreed,
  type Device,
  found,
  keyPackageOf,
  newDevice,
  openAs,
  type Seat,
  sealAs,
} from './people.js'

const MAX_SEATS = 16

/** A seat with what its vault holds: a blob of the epoch, and the newest record of each ratchet. */
interface Walker extends Seat {
  blob: Uint8Array
  deltas: Map<string, { place: RatchetPlace; bytes: Uint8Array }>
}

export type Random = (below: number) => number

/** mulberry32, a small generator of public domain: the same numbers for the same seed. */
export function randomFrom(seed: number): Random {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

export async function walk(engine: Engine, seed: number, steps: number): Promise<void> {
  const random = randomFrom(seed)
  const walkers: Walker[] = [inVault(await found(engine, 'founder'))]
  const gone: Seat[] = []
  let settings: Uint8Array | undefined
  for (let step = 0; step < steps; step++) {
    if (random(3) === 0) await talk(walkers, random, `${seed}.${step} before`)
    if (random(3) === 0) for (const walker of walkers) if (random(2) === 0) restart(walker)
    settings = (await change(walkers, gone, random)) ?? settings
    assert(agreed(walkers), `step ${step}: the members disagree`)
    for (const walker of walkers) assert.deepEqual(engine.settings(walker.state), settings)
    await talk(walkers, random, `${seed}.${step} after`, gone)
  }
}

const pick = <T>(items: T[], random: Random): T => items[random(items.length)]!

function inVault(seat: Seat): Walker {
  return { ...seat, blob: seat.engine.save(seat.state), deltas: new Map() }
}

function keep(walker: Walker, state: GroupState, place?: RatchetPlace): void {
  walker.state = state
  if (place === undefined) {
    walker.blob = walker.engine.save(state)
    walker.deltas.clear()
  } else {
    const bytes = walker.engine.delta(state, place)
    walker.deltas.set(`${place.epoch}/${place.leaf}`, { place, bytes })
  }
}

/** From the vault alone, as after a crash; nothing may be missing. */
function restart(walker: Walker): void {
  const { engine } = walker
  let restored = engine.load(walker.blob)
  for (const { place, bytes } of walker.deltas.values()) restored = engine.applyDelta(restored, place, bytes)
  assert.equal(Buffer.compare(engine.save(restored), engine.save(walker.state)), 0)
  walker.state = restored
}

async function talk(walkers: Walker[], random: Random, words: string, gone: Seat[] = []): Promise<void> {
  const speaker = pick(walkers, random)
  const sealed = await speaker.engine.seal(speaker.state, Buffer.from(words))
  keep(speaker, sealed.state, sealed.changed)
  for (const listener of walkers) {
    if (listener === speaker) continue
    const opened = await listener.engine.open(listener.state, sealed.ciphertext, acceptAll)
    if (opened.kind !== 'application')
      throw new Error(`${listener.device.name}: ${JSON.stringify(opened.kind)}`)
    assert.equal(Buffer.from(opened.plaintext).toString(), words)
    assert.equal(opened.sender.leaf, speaker.engine.ownLeaf(speaker.state))
    keep(listener, opened.state, opened.changed)
  }
  for (const seat of gone) assert.equal(await openAs(seat, sealed.ciphertext), 'future-epoch')
}

/** One commit of any of it together, and sometimes a second one at the same moment, that loses. The settings, if it changed them. */
async function change(walkers: Walker[], gone: Seat[], random: Random): Promise<Uint8Array | undefined> {
  const committer = pick(walkers, random)
  const { engine } = committer
  const leaving = random(4) === 0 ? some(others(walkers, committer).slice(1), 1 + random(4), random) : []
  const returning = leaving.filter(() => random(3) === 0).map(({ device }) => device)
  const isGrowing = random(4) === 0 || walkers.length === 1
  const room = MAX_SEATS - walkers.length + leaving.length - returning.length
  const fresh = isGrowing ? await newDevices(Math.min(1 + random(4), room)) : []
  const coming = await arrivals(engine, [...returning, ...fresh])
  const settings = random(4) === 0 ? Uint8Array.of(random(256), random(256)) : undefined
  const made = await engine.commit(committer.state, {
    add: coming.map(newcomer => newcomer.pair.publicPackage),
    remove: leaving.map(seat => engine.ownLeaf(seat.state)),
    ...(settings && { settings }),
  })
  const late = await lateMessage(walkers, committer, random)
  if (random(4) === 0) await race(walkers, committer, random)
  keep(committer, engine.adopt(committer.state, made.pending).state)
  for (const seat of others(walkers, committer)) await follow(seat, made.commit, leaving.includes(seat))
  for (const seat of leaving) {
    walkers.splice(walkers.indexOf(seat), 1)
    gone.push(seat)
  }
  for (const { device, pair } of coming) {
    const { state } = await engine.unsafeJoinHere(made.welcome!, [pair])
    walkers.push(inVault({ device, engine, state }))
  }
  await openLate(walkers, late)
  return settings
}

/** Up to `count` of them, none twice. */
function some<T>(items: T[], count: number, random: Random): T[] {
  const picked = new Set<T>()
  for (let index = 0; index < Math.min(count, items.length); index++) picked.add(pick(items, random))
  return [...picked]
}

const others = (walkers: Walker[], one: Walker) => walkers.filter(walker => walker !== one)

async function newDevices(count: number): Promise<Device[]> {
  const devices: Device[] = []
  while (devices.length < count) devices.push(await newDevice('newcomer'))
  return devices
}

async function arrivals(engine: Engine, devices: Device[]) {
  const made: { device: Device; pair: Awaited<ReturnType<typeof keyPackageOf>> }[] = []
  for (const device of devices) made.push({ device, pair: await keyPackageOf(engine, device) })
  return made
}

async function follow(seat: Walker, commit: Uint8Array, leaves: boolean): Promise<void> {
  const opened = await seat.engine.open(seat.state, commit, acceptAll)
  assert.equal(opened.kind, leaves ? 'removed' : 'commit')
  if (opened.kind === 'commit') keep(seat, opened.state)
}

/** A commit made in the same epoch; whoever made it drops it, and nobody is any different. */
async function race(walkers: Walker[], winner: Walker, random: Random): Promise<void> {
  const losers = others(walkers, winner)
  if (losers.length > 0)
    await winner.engine.commit(pick(losers, random).state, random(2) ? {} : { settings: Uint8Array.of(1) })
}

/** Sealed before a commit, to be opened after it by those who were there. */
async function lateMessage(walkers: Walker[], committer: Walker, random: Random) {
  const speakers = others(walkers, committer)
  if (speakers.length === 0) return undefined
  const speaker = pick(speakers, random)
  const listeners = others(walkers, speaker)
  const ciphertext = await sealAs(speaker, 'late')
  keep(speaker, speaker.state, {
    epoch: speaker.engine.epoch(speaker.state),
    leaf: speaker.engine.ownLeaf(speaker.state),
  })
  return { ciphertext, listener: pick(listeners, random) }
}

async function openLate(walkers: Walker[], late: Awaited<ReturnType<typeof lateMessage>>): Promise<void> {
  if (late === undefined || !walkers.includes(late.listener)) return
  const { listener } = late
  const opened = await listener.engine.open(listener.state, late.ciphertext, acceptAll)
  if (opened.kind !== 'application') throw new Error(`a late message: ${opened.kind}`)
  keep(listener, opened.state, opened.changed)
  const again = await listener.engine.open(listener.state, late.ciphertext, acceptAll)
  assert.deepEqual(again, { kind: 'refused', cause: 'replayed' })
}
