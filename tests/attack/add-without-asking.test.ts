// Somebody adds a stranger to conversation after conversation, so that the stranger is in no other ones any more, or has
// to take what is sent there for ever.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { verifyLeave } from '../../services/protocol/log/roster-leave.js'
import { nodeCrypto } from '../../services/protocol/node/crypto.js'
import { connectTo, type TestClient } from '../support/contract-client.js'
import { random, signLabelled, type TestDevice } from '../support/contract-device.js'
import { acceptedTo, application, commit, createConversation } from '../support/contract-envelopes.js'
import { type ContractServer, ownServer } from '../support/contract-server.js'
import type { Outgoing, TestStream } from '../support/contract-stream.js'

/** Conversations that one device may have created at a time. */
const CONVERSATIONS = 5

let server: ContractServer
let client: TestClient
let victim: TestDevice
let theirs: TestStream

beforeEach(async () => {
  server = await ownServer({ limits: { conversationsPerDevice: CONVERSATIONS } })
  client = connectTo(server)
  victim = await client.register()
  theirs = await client.open(victim)
})

afterEach(async () => {
  theirs.end()
  client.close()
  await server.stop()
  expect(server.defects).toEqual([])
})

function leave(conversationId: Uint8Array): Outgoing {
  const [nonce, epoch] = [random(16), Buffer.alloc(8)]
  epoch.writeBigUInt64BE(1n)
  const signed = Buffer.concat([conversationId, epoch, nonce])
  const signature = signLabelled('parley.v1.RosterLeave', signed, victim.key)
  const value = { nonce, signature, deviceId: victim.id, epoch: 1n }
  return { conversationId, envelope: { case: 'leave', value } }
}

const rejected = (stream: TestStream) =>
  stream.frames.flatMap(frame =>
    frame.case === 'rejected' ? frame.value.sends.map(({ reason }) => reason.case) : [],
  )

async function accepted(stream: TestStream, outgoing: Outgoing): Promise<void> {
  const [number] = await stream.send(outgoing)
  await stream.until(() => acceptedTo(stream) >= number!)
}

test('the stranger still creates as many as anybody, and the attacker no more than that', async () => {
  for (let attackers = 0; attackers < 3; attackers += 1) {
    const attacker = await client.open(await client.register())
    for (let count = 0; count < CONVERSATIONS; count += 1) await createConversation(attacker, [victim])
    await attacker.send(commit(random(16), { epoch: 0n, creates: true, added: [victim] }))
    await attacker.until(() => rejected(attacker).length > 0)
    expect(rejected(attacker)).toEqual(['tooManyConversations'])
    attacker.end()
  }
  for (let count = 0; count < CONVERSATIONS; count += 1) await createConversation(theirs)
})

test('who leaves by itself is sent nothing more, and cannot be brought back without a commit that removes it', async () => {
  const attacker = await client.open(await client.register())
  const id = await createConversation(attacker, [victim])
  await theirs.until(() => theirs.envelopes().length === 1)
  await accepted(theirs, leave(id))
  await attacker.until(() => attacker.envelopes().length === 2)
  const told = attacker.envelopes()[1]!.envelope
  if (told.case !== 'leave') throw new Error('nobody was told')
  expect(verifyLeave(nodeCrypto, { conversationId: id, leave: told.value })).toBe(true)
  for (let count = 0; count < 20; count += 1) await accepted(attacker, application(id))
  const [number] = await attacker.send(commit(id, { epoch: 1n, added: [victim] }))
  await attacker.until(() => rejected(attacker).length > 0)
  expect(rejected(attacker)).toEqual(['malformed'])
  attacker.next = number!
  // Something later in another conversation shows that nothing of this one comes before it.
  await createConversation(theirs)
  await theirs.until(() => theirs.envelopes().length === 3)
  expect(theirs.envelopes().map(({ envelope }) => envelope.case)).toEqual(['welcome', 'own', 'own'])
  // Nor does it come when the device begins from the beginning.
  theirs.end()
  await theirs.ended
  theirs = await client.open(victim)
  await theirs.take('caughtUp')
  expect(theirs.envelopes().map(({ envelope }) => envelope.case)).toEqual(['welcome', 'own', 'own'])
  attacker.end()
})
