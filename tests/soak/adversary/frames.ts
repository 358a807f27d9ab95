// Frames and streams as no client has them, on lines of their own.

import { setTimeout as delay } from 'node:timers/promises'
import { ChatService } from '../../../gen/parley/v1/chat_pb.js'
import { METHODS } from '../../../services/protocol/method.js'
import { MESSAGE_BYTES } from '../../../services/protocol/sizes.js'
import { RpcError } from '../../../services/rpc/error.js'
import { METHOD_CHAT, openBytes, random } from '../../support/contract-device.js'
import { framed, gzipped, rawCall, rawSession } from '../../support/raw-call.js'
import { type Act, Hole, repeated, type Scene } from './act.js'
import type { RequestInit } from './line.js'

const HALF_OPEN = 20
/** They are left so for a while, in ms. */
const OPEN_MS = 300

/** A stream that says this and has to end by the server's will. */
const saying = (name: string, frames: (scene: Scene) => RequestInit[]): Act => ({
  name,
  async run(scene) {
    const channel = scene.by.connect()
    const call = channel.bidi(ChatService.method.chat)
    try {
      for (const frame of frames(scene)) await call.write(frame)
      // Its own line takes over from this one at times.
      for await (const { frame } of call.responses) if (frame.case === 'closing') return
      throw new Hole(`a stream of ${name} ended well`)
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
    } finally {
      channel.close()
    }
  },
})

const open = ({ by }: Scene): RequestInit => ({
  frame: { case: 'open', value: { protocolVersion: 1, proof: by.proof(METHOD_CHAT, openBytes()) } },
})

/** Calls that begin, say a part of a frame and nothing more. */
const halfOpen: Act = {
  name: 'half-open-streams',
  async run({ by }) {
    const session = rawSession(by.server.port)
    const calls = repeated(HALF_OPEN, () => rawCall(session, METHODS.chat))
    for (const { stream } of calls) stream.write(framed(random(20), { length: 4_000 }).subarray(0, 15))
    await delay(OPEN_MS)
    session.destroy()
  },
}

const compressed: Act = {
  name: 'compressed-frame',
  async run({ by }) {
    const session = rawSession(by.server.port)
    const { stream, ended } = rawCall(session, METHODS.keyExchange, { 'grpc-encoding': 'gzip' })
    stream.end(gzipped(Buffer.alloc(MESSAGE_BYTES)))
    await Promise.race([ended, delay(OPEN_MS)])
    session.destroy()
  },
}

export const FRAMES: readonly Act[] = [
  saying('no-open', () => [{ frame: { case: 'ping', value: { nonce: 1n } } }]),
  saying('open-twice', scene => [open(scene), open(scene)]),
  saying('no-frame', scene => [open(scene), {}]),
  saying('oversize-frame', scene => [
    open(scene),
    { frame: { case: 'ack', value: { cursor: random(MESSAGE_BYTES + 1) } } },
  ]),
  saying('cursor-of-nobody', scene => [
    open(scene),
    { frame: { case: 'ack', value: { cursor: random(37) } } },
  ]),
  halfOpen,
  compressed,
]
