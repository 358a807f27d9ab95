// One endpoint whose vault has many conversations: its start, and the texts of one of them.

import { setTimeout as delay } from 'node:timers/promises'
import { ChatService } from '../../gen/parley/v1/chat_pb.js'
import type { Endpoint } from '../../services/endpoint/endpoint.js'
import type { EndpointEvent } from '../../services/endpoint/events.js'
import { openLocalEndpoint } from '../../services/endpoint/local.js'
import { METHODS } from '../../services/protocol/method.js'
import { nodeCrypto as crypto } from '../../services/protocol/node/crypto.js'
import { makeProof } from '../../services/protocol/proof.js'
import { spkiFingerprint } from '../../services/rpc/node/certificate.js'
import { partsOf } from '../support/contract-device.js'
import { shownList } from '../support/device-lists.js'
import { addConversations } from './conversations-vault.js'
import { channelTo } from './load-stream.js'
import { drain } from './measure.js'
import type { ServerAddress } from './server-worker.js'
import { answer } from './worker.js'

/** Memory that was freed goes back to the system a little later. */
const SETTLE_MS = 300
const TEXT = 'x'.repeat(200)

/** Registrations that are under way at the same time. */
const CALLS_AT_ONCE = 32

export interface Filling {
  folder: string
  server: ServerAddress
  from: number
  count: number
}

export interface Place {
  folder: string
  server: ServerAddress
  handle: string
}

export interface Started {
  /** ms from the beginning until the endpoint can be used. */
  openMs: number
  /** ms from there until everything that the server has is here. */
  upMs: number
}

let endpoint: Endpoint | undefined
let onEvent: (event: EndpointEvent) => void = () => undefined

/** Resolves when an event of this kind has come. */
function until(wanted: (event: EndpointEvent) => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const before = onEvent
  onEvent = event => {
    before(event)
    if (wanted(event)) resolve()
  }
  return promise
}

const isUp = (event: EndpointEvent) => event.type === 'line' && event.line.state === 'up'

function used(): Endpoint {
  if (!endpoint) throw new Error('it is not started')
  return endpoint
}

const methods = {
  async start({ folder, server, handle }: Place): Promise<Started> {
    const begin = performance.now()
    endpoint = await openLocalEndpoint({
      ...{ folder, requests: 'accept' },
      onEvent: event => onEvent(event),
    })
    const opened = performance.now()
    const fingerprint = spkiFingerprint(server.certificate)
    const up = until(isUp)
    await endpoint.prepare({ handle, address: server, server: { fingerprint, replacesPin: true } })
    endpoint.connect()
    await up
    return { openMs: opened - begin, upMs: performance.now() - opened }
  },
  /** Opens a conversation with this person, until it can be written in. */
  async open(handle: string) {
    const ready = until(event => event.type === 'conversation' && event.state === 'ready')
    await used().open(handle)
    await ready
  },
  async close() {
    await endpoint?.close()
    endpoint = undefined
  },
  /** Adds conversations to the vault, which no endpoint has open, and registers those whom they are with. */
  async fill({ folder, server, from, count }: Filling): Promise<void> {
    const people = await addConversations(folder, { from, count })
    const channel = channelTo(server)
    const fingerprint = spkiFingerprint(server.certificate)
    const { serverId } = await channel.unary(ChatService.method.getServer, {})
    const calls = people.map(person => async () => {
      const { device } = person
      const { deviceList } = shownList([person], { serverId })
      const parts = partsOf({ deviceList })
      const call = { method: METHODS.keyExchange, request: parts, server: fingerprint, device }
      await channel.unary(ChatService.method.keyExchange, { proof: makeProof(crypto, call), parts })
    })
    await drain(calls, CALLS_AT_ONCE)
    channel.close()
  },
  /** Sends so many texts to this person, evenly; resolves when all are delivered. */
  async send({ handle, count, perSecond }: { handle: string; count: number; perSecond: number }) {
    const conversation = await used().open(handle)
    let delivered = 0
    const all = until(event => event.type === 'state' && event.state === 'delivered' && ++delivered >= count)
    for (let sent = 0; sent < count; sent++) {
      await used().send(conversation, TEXT)
      await delay(1000 / perSecond)
    }
    await all
  },
  /** ms of CPU that this process has used. */
  async cpu() {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  },
  /** Bytes, after a collection. */
  async memory() {
    for (let round = 0; round < 3; round++) {
      globalThis.gc?.()
      await delay(SETTLE_MS)
    }
    return { rss: process.memoryUsage.rss(), heap: process.memoryUsage().heapUsed }
  },
}
export type ConversationsApi = typeof methods

answer(methods, async () => {
  await endpoint?.close()
})
