// A sender and a receiver with a conversation between them; or one client of an echo, which is both.

import type { ChatResponse } from '../../gen/parley/v1/chat_pb.js'
import { makeDevice, random } from '../support/contract-device.js'
import { commit } from '../support/contract-envelopes.js'
import { register } from './calls.js'
import { ackOf, type LoadStream, numberedSend, openStream } from './load-stream.js'
import type { ServerAddress } from './server-worker.js'

export interface Pair {
  /** Writes the next frame of a size that was prepared with `shape`. */
  send(): Promise<void>
  shape(frame: { envelopes: number; bytes: number }): void
  /** Called with how many envelopes have come to the receiver. */
  onReceived: (envelopes: number) => void
}

/** The number of the commit that creates the conversation. */
const CREATING = 1n

export async function relayedPair(server: ServerAddress): Promise<Pair> {
  const [from, to] = await Promise.all([register(server), register(server)])
  const sender = await openStream(server, from)
  const receiver = await openStream(server, to)
  const conversationId = random(16)
  const created = Promise.withResolvers<void>()
  sender.onFrame = frame => frame.case === 'accepted' && created.resolve()
  const creation = commit(conversationId, { epoch: 0n, creates: true, added: [to] })
  const envelopes = [{ ...creation, clientSequence: CREATING }]
  await sender.write({ frame: { case: 'send', value: { envelopes } } })
  await created.promise
  return pairOf({ sender, receiver, conversationId, next: CREATING + 1n })
}

export async function echoPair(server: ServerAddress): Promise<Pair> {
  const stream = await openStream(server, makeDevice())
  return pairOf({ sender: stream, receiver: stream, conversationId: random(16), next: 1n })
}

interface Ends {
  sender: LoadStream
  receiver: LoadStream
  conversationId: Uint8Array
  /** The number of the next envelope. */
  next: bigint
}

function pairOf({ sender, receiver, conversationId, next }: Ends): Pair {
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
  const take = (stream: LoadStream) => (frame: ChatResponse['frame']) => {
    if (frame.case !== 'deliver') return
    const { envelopes, cursor } = frame.value
    if (cursor.length > 0) stream.write(ackOf(cursor)).catch(() => {})
    const received = envelopes.filter(({ envelope }) => envelope.case === 'application').length
    if (received > 0) pair.onReceived(received)
  }
  // A relay tells the sender too where its envelopes stand.
  sender.onFrame = take(sender)
  receiver.onFrame = take(receiver)
  return pair
}
