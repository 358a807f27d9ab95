// Somebody with an account wants to know how much others write, from the numbers and cursors that the server gives.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { ErrorReason } from '../../gen/parley/v1/chat_pb.js'
import { connectTo, detailOf, type TestClient } from '../support/contract-client.js'
import type { TestDevice } from '../support/contract-device.js'
import { acceptedTo, application, createConversation } from '../support/contract-envelopes.js'
import { type ContractServer, ownServer } from '../support/contract-server.js'
import type { TestStream } from '../support/contract-stream.js'

/** The store's clock stands still, so that numbers show nothing but what was stored. */
const NOON = Date.UTC(2026, 5, 1, 12)
const OTHERS = 200

let server: ContractServer
let client: TestClient
let spy: TestDevice

beforeEach(async () => {
  server = await ownServer({ storeNow: () => NOON })
  client = connectTo(server)
  spy = await client.register()
})

afterEach(async () => {
  client.close()
  await server.stop()
  expect(server.defects).toEqual([])
})

async function say(stream: TestStream, id: Uint8Array, count = 1): Promise<void> {
  const numbers = await stream.send(...Array.from({ length: count }, () => application(id)))
  await stream.until(() => acceptedTo(stream) >= numbers.at(-1)!)
}

test('between two of their own envelopes they count none of the others’', async () => {
  const [own, other] = [await client.open(spy), await client.open(await client.register())]
  const [mine, theirs] = [await createConversation(own), await createConversation(other)]
  const cursors: Uint8Array[] = []
  for (const loud of [0, OTHERS, 1]) {
    if (loud > 0) await say(other, theirs, loud)
    const before = own.envelopes().length
    await say(own, mine)
    await own.until(() => own.envelopes().length > before)
    cursors.push(own.cursor())
  }
  const sequences = own.envelopes().map(({ sequence }) => sequence)
  const first = BigInt((NOON - Date.UTC(2025, 0, 1)) * 1_000)
  expect(sequences).toEqual([0n, 1n, 2n, 3n].map(count => first + count))
  expect(cursors.map(({ length }) => length)).toEqual([37, 37, 37])
  // Two cursors share no more than chance has them share.
  for (const [index, one] of cursors.entries())
    for (const another of cursors.slice(index + 1)) {
      const alike = one.filter((byte, at) => byte === another[at]).length
      expect(alike).toBeLessThan(8)
    }
  for (const stream of [own, other]) stream.end()
})

test('with another one’s cursor they read nothing, and learn nothing but that it is not theirs', async () => {
  const [own, other] = [await client.open(spy), await client.open(await client.register())]
  await createConversation(own)
  await createConversation(other)
  await other.until(() => other.cursor().length > 0)
  await own.until(() => own.cursor().length > 0)
  const errors: unknown[] = []
  for (const cursor of [other.cursor(), own.cursor().map((byte, at) => (at === 15 ? byte ^ 8 : byte))]) {
    const stream = await client.open(spy)
    await stream.ack(cursor)
    const error = await stream.ended
    expect(detailOf(error).reason).toBe(ErrorReason.BAD_CURSOR)
    errors.push([error?.code, error?.message])
  }
  expect(errors[0]).toEqual(errors[1])
  other.end()
})
