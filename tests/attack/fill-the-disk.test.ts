// Somebody wants to fill the server's disk, so that nobody else can send.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { connectTo, type TestClient } from '../support/contract-client.js'
import { makeDevice, random, type TestDevice } from '../support/contract-device.js'
import {
  acceptedTo,
  application,
  commit,
  createConversation,
  rejections,
} from '../support/contract-envelopes.js'
import { type ContractServer, ownServer } from '../support/contract-server.js'
import type { TestStream } from '../support/contract-stream.js'
import { UNGUARDED } from '../support/unguarded.js'

const MEGABYTE = 1024 * 1024
const DISK = 8 * MEGABYTE
const ACCOUNT = MEGABYTE
const LARGE = 64 * 1024
const CONVERSATIONS = 20

let server: ContractServer
let client: TestClient

beforeEach(async () => {
  server = await ownServer({
    maxBytes: DISK,
    limits: { accountBytes: ACCOUNT },
    guard: { ...UNGUARDED, conversationsPerHour: CONVERSATIONS },
  })
  client = connectTo(server)
})

afterEach(async () => {
  client.close()
  await server.stop()
  expect(server.defects).toEqual([])
})

/** Sends to somebody who never comes, until a send is rejected. */
async function fill(device: TestDevice, absent: TestDevice): Promise<TestStream> {
  const stream = await client.open(device)
  const id = await createConversation(stream, [absent])
  while (rejections(stream).size === 0) {
    const [number] = await stream.send(application(id, { ciphertext: random(LARGE) }))
    await stream.until(() => acceptedTo(stream) >= number! || rejections(stream).size > 0)
  }
  return stream
}

test('one account fills its own part and no more, whichever of its devices sends', async () => {
  const [attacker, absent] = [await client.register(), await client.register()]
  const stream = await fill(attacker, absent)
  const [reason] = rejections(stream).values()
  expect(reason).toMatchObject({ case: 'storageFull', value: { accountLimitBytes: BigInt(ACCOUNT) } })
  expect(Number(acceptedTo(stream)) * LARGE).toBeLessThanOrEqual(ACCOUNT + LARGE)
  const second = makeDevice({ handle: attacker.handle, account: attacker.account })
  await client.keyExchange(second, { deviceList: client.list(second) })
  const other = await client.open(second)
  await other.send(commit(random(16), { epoch: 0n, creates: true, commit: random(LARGE) }))
  expect(await other.take('rejected')).toMatchObject({ sends: [{ reason: { case: 'storageFull' } }] })
  expect(server.warnings).toMatchObject([
    { kind: 'storage', device: expect.stringMatching(/^SHA256:/) },
    { kind: 'storage' },
  ])
  stream.end()
  other.end()
})

test('others go on', async () => {
  const absent = await client.register()
  await fill(await client.register(), absent)
  const [alice, bob] = [await client.register(), await client.register()]
  const stream = await client.open(alice)
  const theirs = await client.open(bob)
  const id = await createConversation(stream, [bob])
  const texts = Array.from({ length: 3 }, () => application(id, { ciphertext: random(LARGE) }))
  const numbers = await stream.send(...texts)
  await stream.until(() => acceptedTo(stream) >= numbers.at(-1)! || rejections(stream).size > 0)
  expect(rejections(stream).size).toBe(0)
  await theirs.until(() => theirs.envelopes().length === 1 + texts.length)
})

test('one account creates so many conversations an hour, and goes on in those that it has', async () => {
  const stream = await client.open(await client.register())
  const id = await createConversation(stream)
  for (let made = 1; made < CONVERSATIONS; made += 1) await createConversation(stream)
  const [number] = await stream.send(commit(random(16), { epoch: 0n, creates: true }))
  await stream.until(() => rejections(stream).has(number!))
  const reason = rejections(stream).get(number!)!
  expect(reason.case === 'rateLimited' && reason.value.retryAfterMs).toBeGreaterThan(0)
  stream.next = number!
  await stream.send(application(id))
  await stream.until(() => acceptedTo(stream) >= number!)
  expect(server.warnings).toMatchObject([{ kind: 'conversations' }])
})
