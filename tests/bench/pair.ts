// A sender and a receiver, or many, with a conversation between them; or one client of an echo, which is both.

import type { ChatResponse } from '../../gen/parley/v1/chat_pb.js'
import { makeDevice, random, type TestDevice } from '../support/contract-device.js'
import { commit } from '../support/contract-envelopes.js'
import { signedCommit } from '../support/contract-head.js'
import { register } from './calls.js'
import { ackOf, type LoadStream, numberedSend, openStream } from './load-stream.js'
import type { ServerAddress } from './server-worker.js'

export interface Pair {
  /** Writes the next frame of a size that was prepared with `shape`. */
  send(): Promise<void>
  shape(frame: { envelopes: number; bytes: number }): void
  /** Called with how many envelopes have come to the last receiver. */
  onReceived: (envelopes: number) => void
}

/** The number of the commit that creates the conversation. */
const CREATING = 1n

export const relayedPair = (server: ServerAddress): Promise<Pair> => relayedRoom(server, 2)

/** A conversation of so many devices, of which one sends. */
export async function relayedRoom(server: ServerAddress, devices: number): Promise<Pair> {
  const from = await register(server)
  const to: TestDevice[] = []
  for (let count = 1; count < devices; count++) to.push(await register(server))
  const sender = await openStream(server, from)
  const receivers: LoadStream[] = []
  for (const device of to) receivers.push(await openStream(server, device))
  const conversationId = random(16)
  const created = Promise.withResolvers<void>()
  sender.onFrame = frame => frame.case === 'accepted' && created.resolve()
  const creation = signedCommit(from, commit(conversationId, { epoch: 0n, creates: true, added: to }))
  const envelopes = [{ ...creation, clientSequence: CREATING }]
  await sender.write({ frame: { case: 'send', value: { envelopes } } })
  await created.promise
  return pairOf({ sender, receivers, conversationId, next: CREATING + 1n })
}

export async function echoPair(server: ServerAddress): Promise<Pair> {
  const stream = await openStream(server, makeDevice())
  return pairOf({ sender: stream, receivers: [stream], conversationId: random(16), next: 1n })
}

interface Ends {
  sender: LoadStream
  receivers: LoadStream[]
  conversationId: Uint8Array
  /** The number of the next envelope. */
  next: bigint
}

function pairOf({ sender, receivers, conversationId, next }: Ends): Pair {
  let numbered = numberedSend({ conversationId, envelopes: 1, bytes: 1 })
  let perFrame = 1n
  const pair: Pair = {
    shape({ envelopes, bytes }) {
      numbered = numberedSend({ conversationId, envelopes, bytes })
      perFrame = BigInt(envelopes)
    },
    send() {
      const first = next
      next += perFrame
      return sender.write(numbered(first))
    },
    onReceived: () => {},
  }
  const received = receivers.map(() => 0)
  let told = 0
  const take = (stream: LoadStream, index?: number) => (frame: ChatResponse['frame']) => {
    if (frame.case !== 'deliver') return
    const { envelopes, cursor } = frame.value
    if (cursor.length > 0) stream.write(ackOf(cursor)).catch(() => {})
    if (index === undefined) return
    received[index]! += envelopes.filter(({ envelope }) => envelope.case === 'application').length
    const atAll = Math.min(...received)
    if (atAll === told) return
    pair.onReceived(atAll - told)
    told = atAll
  }
  // A relay tells the sender too where its envelopes stand.
  sender.onFrame = take(sender)
  for (const [index, receiver] of receivers.entries()) receiver.onFrame = take(receiver, index)
  return pair
}
