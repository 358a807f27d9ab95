// The line of a modified program to the server: the contract's frames over TLS, and no more manners than it takes to stay
// connected. It comes back by itself.

import { setTimeout as delay } from 'node:timers/promises'
import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  type ChatRequestSchema,
  type ChatResponse,
  ChatService,
  type Envelope,
  type RejectedSend,
} from '../../../gen/parley/v1/chat_pb.js'
import type { BidiCall, RpcChannel } from '../../../services/rpc/channel.js'
import { RpcError } from '../../../services/rpc/error.js'
import type { ProofInit } from '../../support/contract-device.js'
import type { Outgoing } from '../../support/contract-stream.js'

type Call = BidiCall<typeof ChatRequestSchema, typeof ChatService.method.chat.output>
export type RequestInit = MessageInitShape<typeof ChatRequestSchema>

/** The answer to a send; `down`: the line went down before. */
export type Outcome = 'accepted' | 'down' | NonNullable<RejectedSend['reason']['case']>

interface Waiting {
  number: bigint
  settle(outcome: Outcome): void
}

/** Between two attempts to come back, in ms. */
const AGAIN_MS = 300
/** For an answer that never comes, in ms: the server is being killed, say. */
const ANSWER_MS = 20_000

export interface LineOptions {
  /** A new one, for a new connection. */
  connect(): RpcChannel
  /** Of an Open with this cursor. */
  proof(cursor: Uint8Array): ProofInit
  onEnvelope(envelope: Envelope): Promise<void>
}

export class Line {
  #call: Call | undefined
  #channel: RpcChannel | undefined
  #next = 1n
  #cursor = new Uint8Array()
  #waiting: Waiting[] = []
  #isClosed = false
  #isUp = false
  #up = Promise.withResolvers<void>()
  #gone = Promise.withResolvers<void>()

  constructor(private readonly options: LineOptions) {}

  /** Serves until it is closed. */
  async run(): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#serve()
      } catch (error) {
        if (!(error instanceof RpcError)) throw error
        // A cursor of a server that was put back, for example: from the beginning.
        if (error.code === 'INVALID_ARGUMENT') this.#cursor = new Uint8Array()
      }
      this.#down()
      if (!this.#isClosed) await delay(AGAIN_MS)
    }
  }

  /** Resolves once the line is up. */
  up(): Promise<void> {
    return this.#up.promise
  }

  /** Gives all to the server and resolves to its answers; of an ephemeral envelope there is none. */
  async send(...outgoing: readonly Outgoing[]): Promise<Outcome[]> {
    await Promise.race([this.up(), delay(ANSWER_MS)])
    if (!this.#isUp) return outgoing.map(() => 'down')
    const answers: Promise<Outcome>[] = []
    const envelopes = outgoing.map(each => {
      if (each.envelope?.case === 'ephemeral') return each
      const clientSequence = this.#next++
      answers.push(new Promise(settle => this.#waiting.push({ number: clientSequence, settle })))
      return { ...each, clientSequence }
    })
    await this.say({ frame: { case: 'send', value: { envelopes } } })
    const timer = setTimeout(() => this.#down(), ANSWER_MS)
    const outcomes = await Promise.all(answers)
    clearTimeout(timer)
    return outcomes
  }

  /** A frame as it is. */
  async say(request: RequestInit): Promise<void> {
    const written = this.#call?.write(request).catch(() => this.#down())
    await Promise.race([written, this.#gone.promise])
  }

  close(): void {
    this.#isClosed = true
    this.#down()
  }

  #down(): void {
    this.#call?.end()
    this.#channel?.close()
    this.#call = undefined
    this.#gone.resolve()
    const waiting = this.#waiting.splice(0)
    for (const { settle } of waiting) settle('down')
    if (this.#isUp) this.#up = Promise.withResolvers()
    this.#isUp = false
  }

  async #serve(): Promise<void> {
    this.#channel = this.options.connect()
    const call = this.#channel.bidi(ChatService.method.chat)
    this.#call = call
    this.#gone = Promise.withResolvers()
    const open = { protocolVersion: 1, proof: this.options.proof(this.#cursor), cursor: this.#cursor }
    await call.write({ frame: { case: 'open', value: open } })
    for await (const { frame } of call.responses) await this.#hear(frame)
  }

  async #hear(frame: ChatResponse['frame']): Promise<void> {
    switch (frame.case) {
      case 'opened':
        this.#next = frame.value.clientSequence + 1n
        this.#isUp = true
        return this.#up.resolve()
      case 'ping':
        return await this.say({ frame: { case: 'pong', value: { nonce: frame.value.nonce } } })
      case 'accepted':
        return this.#settle(({ number }) => number <= frame.value.clientSequence, 'accepted')
      case 'rejected':
        for (const { clientSequence, reason } of frame.value.sends) this.#rejected(clientSequence, reason)
        return
      case 'deliver':
        for (const envelope of frame.value.envelopes) await this.options.onEnvelope(envelope)
        if (frame.value.cursor.length === 0) return
        this.#cursor = frame.value.cursor.slice()
        return await this.say({ frame: { case: 'ack', value: { cursor: this.#cursor } } })
    }
  }

  #rejected(clientSequence: bigint, reason: RejectedSend['reason']): void {
    if (reason.case !== 'outOfOrder' && clientSequence < this.#next) this.#next = clientSequence
    this.#settle(({ number }) => number === clientSequence, reason.case ?? 'malformed')
  }

  #settle(which: (waiting: Waiting) => boolean, outcome: Outcome): void {
    const settled = this.#waiting.filter(which)
    this.#waiting = this.#waiting.filter(each => !settled.includes(each))
    for (const { settle } of settled) settle(outcome)
  }
}
