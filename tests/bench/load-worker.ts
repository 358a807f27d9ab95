// The process that loads a server: it sends, receives, counts and times.

import { setTimeout as delay } from 'node:timers/promises'
import { makeDevice, type TestDevice } from '../support/contract-device.js'
import { type Calls, claims, register, registrations } from './calls.js'
import { flood, type Shape } from './flood.js'
import { openStream } from './load-stream.js'
import { drain, growth } from './measure.js'
import { echoPair, type Pair, relayedPair, relayedRoom } from './pair.js'
import type { ServerAddress, ServerKind } from './server-worker.js'
import { answer } from './worker.js'

/** Connections that are opened at the same time. */
const AT_ONCE = 32

export interface FloodOptions {
  shape: Shape
  /** Envelopes of one pair that may be under way. */
  window: number
  seconds: number
  warmUp: number
}

export interface PaceOptions {
  perSecond: number
  count: number
  bytes: number
}

const pairs: Pair[] = []
let devices: TestDevice[] = []

const times = (count: number, job: () => Promise<unknown>) =>
  drain(Array<typeof job>(count).fill(job), AT_ONCE)

const methods = {
  registrations,
  claims: (calls: Calls) => claims(calls),

  /** Connects pairs until there are so many. */
  async connect({ server, kind, count }: { server: ServerAddress; kind: ServerKind; count: number }) {
    const open = kind === 'relay' ? relayedPair : echoPair
    await times(count - pairs.length, async () => pairs.push(await open(server)))
  },

  /** Connects one conversation of so many devices, as the first pair. */
  async connectRoom({ server, devices: count }: { server: ServerAddress; devices: number }) {
    pairs.push(await relayedRoom(server, count))
  },

  /** Envelopes received a second by all the pairs that are connected. */
  async flood({ shape, window, ...time }: FloodOptions): Promise<number> {
    const { received, stop } = flood(pairs, { shape, window })
    const perSecond = await growth(received, time)
    await stop()
    return perSecond
  },

  /** For each of so many envelopes, one after the other: ms from before it was sent until it was received. */
  async pace({ perSecond, count, bytes }: PaceOptions): Promise<number[]> {
    const pair = pairs[0]!
    pair.shape({ envelopes: 1, bytes })
    const taken: number[] = []
    while (taken.length < count) {
      const received = Promise.withResolvers<void>()
      pair.onReceived = () => received.resolve()
      const begin = performance.now()
      await pair.send()
      await received.promise
      taken.push(performance.now() - begin)
      await delay(Math.max(0, 1000 / perSecond - taken.at(-1)!))
    }
    return taken
  },

  /** Makes the devices for so many idle streams, so that making them is not measured. */
  async enroll({ server, kind, count }: { server: ServerAddress; kind: ServerKind; count: number }) {
    devices = []
    await times(count, async () => devices.push(kind === 'relay' ? await register(server) : makeDevice()))
  },

  /** Opens one stream for each of so many of these devices, on a connection of its own, and leaves it idle. */
  async idle({ server, count }: { server: ServerAddress; count: number }) {
    await times(count, () => openStream(server, devices.pop()!))
  },
}

export type LoadApi = typeof methods
answer(methods)
