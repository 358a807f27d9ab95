// Somebody who stands between a device and its server with the server's own key (who ends TLS for it, or has a copy),
// or a server that passes calls on to another one, wants to change what is asked under the device's proof.

import { create, type DescMethod, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import {
  type ChatRequest,
  ChatRequestSchema,
  ChatResponseSchema,
  ChatService,
  ErrorReason,
} from '../../gen/parley/v1/chat_pb.js'
import {
  type KeyExchangeParts,
  KeyExchangePartsSchema,
  KeyExchangeRequestSchema,
} from '../../gen/parley/v1/key_exchange_pb.js'
import { connectTo, detailOf, exchanged, failureOf, proofFor } from '../support/contract-client.js'
import {
  METHOD_CHAT,
  METHOD_KEY_EXCHANGE,
  makeDevice,
  makeRemoval,
  openBytes,
  partsOf,
} from '../support/contract-device.js'
import { ownServer } from '../support/contract-server.js'
import type { Meddling } from '../support/memory/network.js'
import { newMemoryTown, type Person, type Server, type Town } from '../support/town.js'

let town: Town
let server: Server
beforeEach(async () => {
  town = await newMemoryTown()
  server = await town.server()
})
afterEach(async () => {
  await town.leave()
})

/** Changes the parts of each key exchange. */
function changingParts(change: (parts: KeyExchangeParts) => MessageInitShape<typeof KeyExchangePartsSchema>) {
  return (bytes: Uint8Array, method: DescMethod): Uint8Array[] => {
    if (method !== ChatService.method.keyExchange) return [bytes]
    const request = fromBinary(KeyExchangeRequestSchema, bytes)
    const parts = create(KeyExchangePartsSchema, change(fromBinary(KeyExchangePartsSchema, request.parts)))
    return [
      toBinary(KeyExchangeRequestSchema, { ...request, parts: toBinary(KeyExchangePartsSchema, parts) }),
    ]
  }
}

/** Changes the first frame of each stream. */
function changingOpen(change: (open: Extract<ChatRequest['frame'], { case: 'open' }>['value']) => void) {
  return (bytes: Uint8Array, method: DescMethod): Uint8Array[] => {
    if (method !== ChatService.method.chat) return [bytes]
    const request = fromBinary(ChatRequestSchema, bytes)
    if (request.frame.case === 'open') change(request.frame.value)
    return [toBinary(ChatRequestSchema, request)]
  }
}

/** The person's calls are changed until they are told, once, that they are. */
async function meddledWith(person: Person, meddling: Meddling): Promise<void> {
  const before = person.events.length
  person.way.onRequest = meddling
  const isTold = () =>
    person.events
      .slice(before)
      .some(
        event =>
          event.type === 'line' &&
          event.line.state === 'down' &&
          JSON.stringify(event.line).includes('another request'),
      )
  await person.holds(isTold)
  person.way.onRequest = bytes => [bytes]
  await person.line('up')
}

test('somebody else is not asked for in the place of whom a person writes to', async () => {
  const [alice, bob, mallory] = [
    await town.join('alice', server),
    await town.join('bob', server),
    await town.join('mallory', server),
  ]
  for (const person of [alice, bob, mallory]) await person.line('up')
  let drawn = 0
  mallory.way.onResponse = (bytes, method) => {
    if (method === ChatService.method.chat)
      drawn += Number(fromBinary(ChatResponseSchema, bytes).frame.case === 'keyPackagesLeft')
    return [bytes]
  }
  let changed = 0
  const named = (handles: string[]) => {
    changed += Number(handles.includes('bob'))
    return handles.map(handle => (handle === 'bob' ? 'mallory' : handle))
  }
  alice.way.onRequest = changingParts(parts => ({
    ...parts,
    claimHandles: named(parts.claimHandles),
    lookupHandles: named(parts.lookupHandles),
  }))
  await alice.write('bob', 'for bob')
  await town.clock.until(
    () => changed > 2 || undefined,
    () => new Error('nothing was asked'),
  )
  alice.way.onRequest = bytes => [bytes]
  expect(await bob.received(1)).toEqual(['for bob'])
  expect({ drawn, people: mallory.endpoint.people() }).toEqual({ drawn: 0, people: [] })
})

test('a device reads on from where it said, and is not given all from the beginning', async () => {
  const alice = await town.join('alice', server)
  const bob = await town.join('bob', server)
  for (const person of [alice, bob]) await person.line('up')
  await alice.write('bob', 'one')
  expect(await bob.received(1)).toEqual(['one'])
  bob.way.cut()
  await meddledWith(
    bob,
    changingOpen(open => {
      open.cursor = new Uint8Array()
    }),
  )
  await alice.write('bob', 'two')
  expect(await bob.received(2)).toEqual(['one', 'two'])
})

test('the removal of a stolen device is not taken out of the call that brings it', async () => {
  const own = await ownServer()
  const client = connectTo(own)
  const phone = await client.register()
  const stolen = await client.register(phone)
  const asked = partsOf({ deviceRemovals: [makeRemoval(phone, stolen)] })
  const proof = proofFor(own, phone, METHOD_KEY_EXCHANGE, asked)
  const changed = await failureOf(client.keyExchange(phone, { proof }))
  expect([changed.code, detailOf(changed).reason]).toEqual(['UNAUTHENTICATED', ErrorReason.OTHER_REQUEST])
  // A call that was refused has not used the proof up: as it was made, it counts.
  const { keyExchange } = ChatService.method
  exchanged(await client.channel.unary(keyExchange, { proof, parts: asked }))
  expect(detailOf(await failureOf(client.keyExchange(stolen))).reason).toBe(ErrorReason.REVOKED)
  client.close()
  await own.stop()
  expect(own.defects).toEqual([])
})

test('what is asked of one server is not asked of another', async () => {
  const [asked, other] = [await ownServer(), await ownServer()]
  const [, there] = [connectTo(asked), connectTo(other)]
  const device = makeDevice()
  const parts = partsOf({ deviceList: there.list(device) })
  const proof = proofFor(asked, device, METHOD_KEY_EXCHANGE, parts)
  const passedOn = await failureOf(there.channel.unary(ChatService.method.keyExchange, { proof, parts }))
  expect(detailOf(passedOn).reason).toBe(ErrorReason.OTHER_SERVER)
  const stream = there.raw()
  const open = { protocolVersion: 1, cursor: new Uint8Array() }
  const opening = proofFor(asked, device, METHOD_CHAT, openBytes(open))
  await stream.write({ frame: { case: 'open', value: { ...open, proof: opening } } })
  expect(detailOf(await stream.ended).reason).toBe(ErrorReason.OTHER_SERVER)
  for (const each of [asked, other]) {
    await each.stop()
    expect(each.defects).toEqual([])
  }
})
