// Members with modified programs want that nobody else changes a room any more, so that nobody takes them out: they
// commit as often as the server takes commits of a conversation.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { connectTo, type TestClient } from '../support/contract-client.js'
import type { TestDevice } from '../support/contract-device.js'
import { acceptedTo, commit, createConversation, rejections } from '../support/contract-envelopes.js'
import { type ContractServer, ownServer } from '../support/contract-server.js'
import type { TestStream } from '../support/contract-stream.js'

/** One conversation may have so many in a minute; a device has more over all of its own. */
const COMMITS = 6
const LIMITS = { commitsPerMinuteAndConversation: COMMITS, commitsPerMinute: 2 * COMMITS }

let server: ContractServer
let client: TestClient
beforeEach(async () => {
  server = await ownServer({ limits: LIMITS })
  client = connectTo(server)
})
afterEach(async () => {
  client.close()
  await server.stop()
  expect(server.defects).toEqual([])
})

/** A conversation that an admin has begun, and its place for what comes next. */
interface Room {
  id: Uint8Array
  theirs: TestStream
  epoch: bigint
}

async function open(members: readonly TestDevice[]): Promise<Room> {
  const theirs = await client.open(await client.register())
  return { id: await createConversation(theirs, members), theirs, epoch: 1n }
}

/** One send, and why it was rejected; its number is then given back. undefined: it was not. */
async function rejectionOf(stream: TestStream, outgoing: ReturnType<typeof commit>) {
  const seen = stream.frames.length
  const [number] = await stream.send(outgoing)
  const answered = () =>
    stream.frames.slice(seen).flatMap(frame => (frame.case === 'rejected' ? frame.value.sends : []))
  await stream.until(() => acceptedTo(stream) >= number! || answered().length > 0)
  const [rejected] = answered()
  if (rejected) stream.next = number!
  return rejected?.reason
}

/** Commits until it is told to wait. Returns how often it did. */
async function useUp(room: Room, stream: TestStream): Promise<number> {
  for (let count = 0; ; count += 1) {
    const reason = await rejectionOf(stream, commit(room.id, { epoch: room.epoch }))
    if (!reason) room.epoch += 1n
    else if (reason.case === 'rateLimited') return count
    else throw new Error(reason.case)
  }
}

/** The admin takes them out, and is not told to wait. */
async function takesOut({ id, theirs, epoch }: Room, removed: readonly TestDevice[]): Promise<void> {
  expect(await rejectionOf(theirs, commit(id, { epoch, removed }))).toBeUndefined()
  expect(rejections(theirs).size).toBe(0)
}

describe('use up the commits of a room', () => {
  test('all at once', async () => {
    const member = await client.register()
    const room = await open([member])
    const mallory = await client.open(member)
    await mallory.send(
      ...Array.from({ length: COMMITS }, (_, index) => commit(room.id, { epoch: BigInt(index) + 1n })),
    )
    await mallory.until(() => acceptedTo(mallory) + BigInt(rejections(mallory).size) >= COMMITS)
    room.epoch += acceptedTo(mallory)
    await takesOut(room, [member])
  })

  test('by commits of one device', async () => {
    const member = await client.register()
    const room = await open([member])
    expect(await useUp(room, await client.open(member))).toBe(COMMITS / 2)
    await takesOut(room, [member])
  })

  test('by commits of two devices of one account', async () => {
    const first = await client.register()
    const second = await client.register(first)
    const room = await open([first, second])
    expect(await useUp(room, await client.open(first))).toBe(COMMITS / 2)
    expect(await useUp(room, await client.open(second))).toBe(0)
    await takesOut(room, [first, second])
  })

  test('by commits of two accounts, in front of an admin who has made none lately', async () => {
    const [first, second, other] = [await client.register(), await client.register(), await client.register()]
    const room = await open([first, second, other])
    const [one, two, admin] = [await client.open(first), await client.open(second), await client.open(other)]
    const counts = [await useUp(room, one), await useUp(room, two)]
    expect(counts).toEqual([COMMITS / 2, COMMITS / 2 - 1])
    await takesOut({ ...room, theirs: admin }, [first, second])
  })

  test('across a start of the server', async () => {
    const own = await ownServer({ limits: LIMITS, keep: true })
    const here = connectTo(own)
    client.close()
    client = here
    const member = await here.register()
    const admin = await here.register()
    const before = await here.open(admin)
    const room = { id: await createConversation(before, [member]), theirs: before, epoch: 1n }
    expect(await useUp(room, await here.open(member))).toBe(COMMITS / 2)
    here.close()
    await own.stop()
    const again = await ownServer({ limits: LIMITS, folder: own.folder! })
    client = connectTo(again)
    expect(await useUp(room, await client.open(member))).toBe(0)
    await takesOut({ ...room, theirs: await client.open(admin) }, [member])
    client.close()
    await again.stop()
    expect([...own.defects, ...again.defects]).toEqual([])
  })
})

test('a room whose members all commit at the same moment keeps nobody waiting', async () => {
  const devices = await Promise.all(Array.from({ length: COMMITS - 1 }, () => client.register()))
  const { id } = await open(devices)
  const racers = await Promise.all(devices.map(device => client.open(device)))
  /** Again on what the others have left, until it goes. Returns how often it was too late. */
  const race = async (stream: TestStream): Promise<number> => {
    for (let epoch = 1n, late = 0; ; late += 1) {
      const reason = await rejectionOf(stream, commit(id, { epoch }))
      if (!reason) return late
      if (reason.case !== 'staleEpoch') throw new Error(reason.case)
      epoch = reason.value.currentEpoch
    }
  }
  const late = await Promise.all(racers.map(race))
  expect(late.reduce((sum, count) => sum + count)).toBeGreaterThan(0)
  for (const each of racers)
    expect([...rejections(each).values()].map(({ case: why }) => why)).not.toContain('rateLimited')
})
