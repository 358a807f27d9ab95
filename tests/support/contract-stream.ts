// One stream of the contract for tests: says exactly what a test has it say, and keeps all that it hears.

import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  type ChatRequestSchema,
  type ChatResponse,
  ChatResponseSchema,
  ChatService,
  type Envelope,
  type Opened,
  type OutgoingEnvelopeSchema,
} from '../../gen/parley/v1/chat_pb.js'
import type { RpcChannel } from '../../services/rpc/channel.js'
import { RpcError } from '../../services/rpc/error.js'
import type { TestDevice } from './contract-device.js'
import { signedCommit } from './contract-head.js'
import { checkRules } from './field-rules.js'

/** How long a frame may take before a test fails for it. */
const PATIENCE_MS = 15_000

type Frame = ChatResponse['frame']
type FrameCase = NonNullable<Frame['case']>
type FrameValue<C extends FrameCase> = Extract<Frame, { case: C }>['value']
export type Outgoing = MessageInitShape<typeof OutgoingEnvelopeSchema>
export type RequestInit = MessageInitShape<typeof ChatRequestSchema>

export interface TestStream {
  opened: Opened
  /** The number of the next send. */
  next: bigint
  /** All that came, in order. */
  frames: Frame[]
  /** The envelopes of all Delivers, in order. */
  envelopes(): Envelope[]
  /** The cursor of the last Deliver that had one. */
  cursor(): Uint8Array
  write(request: RequestInit): Promise<void>
  /** Sends with the numbers that come next, and moves on. */
  send(...envelopes: Outgoing[]): Promise<bigint[]>
  ack(cursor: Uint8Array): Promise<void>
  /** Stops or goes on to read, as a slow reader does. */
  pause(): void
  resume(): void
  /** The first frame of this kind that was not taken yet; waits for it. Rejects when the stream ends before. */
  take<C extends FrameCase>(which: C): Promise<FrameValue<C>>
  /** Resolves when what holds does; looked at after every frame. */
  until(holds: () => boolean): Promise<void>
  /** The stream's end: undefined is OK. */
  ended: Promise<RpcError | undefined>
  end(): void
  /** As if the process were killed. */
  abort(): void
}

export function createTestStream(
  channel: RpcChannel,
  { ack, pong, device }: { ack: boolean; pong: boolean; device?: TestDevice },
): TestStream {
  const aborter = new AbortController()
  const call = channel.bidi(ChatService.method.chat, { signal: aborter.signal })
  const taken = new Set<Frame>()
  const waiters = new Set<() => void>()
  let over: { error: RpcError | undefined } | undefined
  let reading = Promise.withResolvers<void>()
  reading.resolve()
  const notify = () => {
    for (const waiter of [...waiters]) waiter()
  }
  const stream: TestStream = {
    opened: undefined as unknown as Opened,
    next: 1n,
    frames: [],
    envelopes: () => stream.frames.flatMap(frame => (frame.case === 'deliver' ? frame.value.envelopes : [])),
    cursor() {
      const cursors = stream.frames.flatMap(frame => (frame.case === 'deliver' ? [frame.value.cursor] : []))
      return cursors.findLast(cursor => cursor.length > 0) ?? new Uint8Array()
    },
    write: request => call.write(request),
    async send(...envelopes) {
      const numbered = envelopes
        .map(withHead)
        .map(envelope =>
          envelope.envelope?.case === 'ephemeral' || envelope.clientSequence !== undefined
            ? envelope
            : { ...envelope, clientSequence: stream.next++ },
        )
      await stream.write({ frame: { case: 'send', value: { envelopes: numbered } } })
      return numbered.map(({ clientSequence }) => clientSequence ?? 0n)
    },
    ack: cursor => stream.write({ frame: { case: 'ack', value: { cursor } } }),
    pause() {
      reading = Promise.withResolvers()
    },
    resume: () => reading.resolve(),
    async take(which) {
      const find = () => stream.frames.find(frame => frame.case === which && !taken.has(frame))
      await stream.until(() => find() !== undefined)
      const frame = find()!
      taken.add(frame)
      return frame.value as FrameValue<typeof which>
    },
    until(holds) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const look = () => {
        if (holds()) resolve()
        else if (over) reject(over.error ?? new Error(`the stream ended; it had ${describe(stream)}`))
      }
      const late = () => reject(new Error(`waited in vain; there was ${describe(stream)}`))
      const timer = setTimeout(late, PATIENCE_MS)
      waiters.add(look)
      look()
      return promise.finally(() => {
        clearTimeout(timer)
        waiters.delete(look)
      })
    },
    ended: hear(),
    end: () => call.end(),
    abort: () => aborter.abort(),
  }
  /** The device that opened the stream signs the commits that have no head. */
  const withHead = (outgoing: Outgoing): Outgoing =>
    device && outgoing.envelope?.case === 'commit' ? signedCommit(device, outgoing) : outgoing
  async function hear(): Promise<RpcError | undefined> {
    await Promise.resolve()
    try {
      for await (const response of call.responses) {
        checkRules(ChatResponseSchema, response)
        const { frame } = response
        await reading.promise
        stream.frames.push(frame)
        if (frame.case === 'deliver' && ack && frame.value.cursor.length > 0)
          stream.ack(frame.value.cursor).catch(() => {})
        if (frame.case === 'ping' && pong)
          stream.write({ frame: { case: 'pong', value: { nonce: frame.value.nonce } } }).catch(() => {})
        notify()
      }
      over = { error: undefined }
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      over = { error }
    }
    notify()
    return over.error
  }
  return stream
}

function describe(stream: TestStream): string {
  return stream.frames.map(({ case: which }) => which).join(', ') || 'nothing'
}
