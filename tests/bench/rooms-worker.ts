// A process of many real endpoints that are members of rooms, and says what they cost.

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Endpoint } from '../../services/endpoint/endpoint.js'
import type { EndpointEvent } from '../../services/endpoint/events.js'
import type { ConversationNumber } from '../../services/endpoint/ids.js'
import { openLocalEndpoint } from '../../services/endpoint/local.js'
import { spkiFingerprint } from '../../services/rpc/node/certificate.js'
import { saidIn } from '../support/said.js'
import { sharedNow } from './measure.js'
import type { ServerAddress } from './server-worker.js'
import { answer } from './worker.js'

interface Seat {
  handle: string
  folder: string
  endpoint: Endpoint
  up: boolean
  /** When something happened for the first time, in ms of the shared clock: "joined ROOM", or a text. */
  at: Map<string, number>
}

/** Then something hangs, in ms. */
const PATIENCE_MS = 300_000

const home = await mkdtemp(join(tmpdir(), 'parley-bench-'))
const seats = new Map<string, Seat>()

function onEvent(seat: Seat, event: EndpointEvent): void {
  take(seat, event)
  for (const look of looks) look()
}

function take(seat: Seat, event: EndpointEvent): void {
  if (event.type === 'line') seat.up = event.line.state === 'up'
  if (event.type === 'conversation' && event.state === 'ready') note(seat, `joined ${event.peer}`)
  if (event.type !== 'message') return
  const { kind, own } = event.entry
  if (kind === 'event' || (kind === 'text' && !own)) note(seat, saidIn(event.entry))
}

function note(seat: Seat, what: string): void {
  if (!seat.at.has(what)) seat.at.set(what, sharedNow())
}

const looks = new Set<() => void>()

/** Looks after each event: between them the machine is the members'. */
async function until(holds: () => boolean, what: string): Promise<void> {
  if (holds()) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const look = () => {
    if (holds()) resolve()
  }
  looks.add(look)
  const timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), PATIENCE_MS)
  try {
    await promise
  } finally {
    looks.delete(look)
    clearTimeout(timer)
  }
}

const seatOf = (handle: string): Seat => seats.get(handle)!

function roomOf({ endpoint }: Seat, peer: string): ConversationNumber {
  return endpoint.conversations().find(known => known.peer === peer)!.number
}

async function open(server: ServerAddress, handle: string): Promise<void> {
  const folder = join(home, handle)
  const seat = { handle, folder, up: false, at: new Map<string, number>() } as Seat
  seat.endpoint = await openLocalEndpoint({
    ...{ folder, requests: 'accept' },
    onEvent: event => onEvent(seat, event),
  })
  seats.set(handle, seat)
  const fingerprint = spkiFingerprint(server.certificate)
  await seat.endpoint.prepare({ handle, address: server, server: { fingerprint, replacesPin: true } })
  seat.endpoint.connect()
  await until(() => seat.up, `the line of ${handle}`)
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder)
  const sizes = await Promise.all(names.map(name => stat(join(folder, name)).then(({ size }) => size)))
  return sizes.reduce((sum, size) => sum + size, 0)
}

const methods = {
  /** Those that are away have registered, and are not connected. */
  async start({ server, handles, away }: { server: ServerAddress; handles: string[]; away: string[] }) {
    for (const handle of [...handles, ...away]) await open(server, handle)
    for (const handle of away) {
      await seatOf(handle).endpoint.close()
      seats.delete(handle)
    }
  },
  /** A room of these; resolves with when it was asked for, in ms of the shared clock. */
  async create({ handle, room, invited }: { handle: string; room: string; invited: string[] }) {
    const { endpoint } = seatOf(handle)
    const begin = sharedNow()
    await endpoint.createRoom({ name: room, historyDays: 0, invite: invited })
    return begin
  },
  async change({
    handle,
    room,
    kind,
    whom,
  }: {
    handle: string
    room: string
    kind: 'invite' | 'remove'
    whom: string
  }) {
    const seat = seatOf(handle)
    const begin = sharedNow()
    await seat.endpoint.changeRoom(roomOf(seat, `#${room}`), { kind, handle: whom })
    return begin
  },
  async send({ handle, room, text }: { handle: string; room: string; text: string }) {
    const seat = seatOf(handle)
    const begin = sharedNow()
    await seat.endpoint.send(roomOf(seat, room), text)
    return begin
  },
  /** Waits until this has happened to all of them, and returns when it did to the last. */
  async happened({ handles, what }: { handles: string[]; what: string }) {
    const waited = handles.filter(handle => seats.has(handle)).map(seatOf)
    await until(() => waited.every(({ at }) => at.has(what)), what)
    return Math.max(0, ...waited.map(({ at }) => at.get(what)!))
  },
  /** Waits until each member that is here knows of so many. Returns when that was. */
  async members({ room, count }: { room: string; count: number }) {
    for (const seat of seats.values())
      if (
        seat.at.has(`joined #${room}`) ||
        seat.endpoint.conversations().some(known => known.peer === `#${room}`)
      )
        await until(
          () => seat.endpoint.room(roomOf(seat, `#${room}`)).members.length === count,
          `${count} members`,
        )
    return sharedNow()
  },
  /** Bytes of a member's vault. */
  disk: async (handle: string) => bytesIn(seatOf(handle).folder),
}
export type RoomsApi = typeof methods

answer(methods, async () => {
  for (const { endpoint } of seats.values()) await endpoint.close()
  await rm(home, { recursive: true, force: true })
})
