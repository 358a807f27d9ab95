// A server of which a test decides every word.

import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { type ChatRequest, type ChatResponseSchema, ChatService } from '../../../gen/parley/v1/chat_pb.js'
import {
  type KeyExchangeParts,
  KeyExchangePartsSchema,
  type KeyExchangeRequest,
} from '../../../gen/parley/v1/key_exchange_pb.js'
import type { RpcError } from '../../../services/rpc/error.js'
import { type Handlers, implement } from '../../../services/rpc/service.js'
import { FakeClock } from './clock.js'
import { certificateOf, MemoryNetwork } from './network.js'

type ChatHandlers = Handlers<typeof ChatService>
export type SaidFrame = NonNullable<MessageInitShape<typeof ChatResponseSchema>['frame']>
type HeardFrame = ChatRequest['frame']
type HeardCase = NonNullable<HeardFrame['case']>

/** The parts that a KeyExchange asks for. */
export const askedIn = ({ parts }: KeyExchangeRequest): KeyExchangeParts =>
  fromBinary(KeyExchangePartsSchema, parts)

/** One Chat stream, seen from the server. */
export class ScriptedStream {
  readonly heard: HeardFrame[] = []
  /** The client has ended its side, or is gone. */
  isLeft = false
  readonly #said: (SaidFrame | { end: RpcError | undefined })[] = []
  #wake = () => {}

  constructor(private readonly clock: FakeClock) {}

  say(...frames: SaidFrame[]): void {
    this.#said.push(...frames)
    this.#wake()
  }

  /** Ends the stream: with OK, or with the error's status. */
  end(error?: RpcError): void {
    this.#said.push({ end: error })
    this.#wake()
  }

  /** The frames of one kind that came. */
  heardOf<C extends HeardCase>(kind: C): Extract<HeardFrame, { case: C }>[] {
    return this.heard.filter((frame): frame is Extract<HeardFrame, { case: C }> => frame.case === kind)
  }

  async listen(requests: AsyncIterable<ChatRequest>): Promise<void> {
    try {
      for await (const { frame } of requests) {
        this.heard.push(frame)
        this.clock.touch()
      }
    } catch {
      // The client is gone.
    }
    this.isLeft = true
    this.clock.touch()
  }

  async *frames(signal: AbortSignal): AsyncGenerator<{ frame: SaidFrame }, void, undefined> {
    signal.addEventListener('abort', () => this.#wake(), { once: true })
    while (!signal.aborted) {
      const next = this.#said.shift()
      if (next === undefined)
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
      else if ('end' in next) {
        if (next.end) throw next.end
        return
      } else yield { frame: next }
    }
  }
}

export class ScriptedServer {
  readonly clock = new FakeClock()
  readonly network = new MemoryNetwork(this.clock)
  readonly certificate = certificateOf('scripted', this.clock)
  readonly address = { host: 'memory', port: 1 }
  readonly streams: ScriptedStream[] = []
  keyExchange: ChatHandlers['keyExchange'] = async () => ({ outcome: { case: 'exchanged', value: {} } })

  constructor() {
    const streams = this.streams
    const { clock } = this
    this.network.listen(this.address.port, {
      services: [
        implement(ChatService, {
          getServer: async () => ({}),
          keyExchange: (request, context) => this.keyExchange(request, context),
          async *chat(requests, { signal }) {
            const stream = new ScriptedStream(clock)
            streams.push(stream)
            clock.touch()
            void stream.listen(requests)
            yield* stream.frames(signal)
          },
        }),
      ],
      certificate: this.certificate,
      maxMessageBytes: 2 ** 20,
      onDefect: error => {
        throw error
      },
    })
  }

  /** The stream of this number, once it is there. */
  async stream(number: number): Promise<ScriptedStream> {
    return await this.sees(() => this.streams[number])
  }

  /** Waits until there is what is looked for. */
  sees<T>(look: () => T | undefined): Promise<T> {
    return this.clock.until(look, () => new Error(`waited in vain for ${look}`))
  }
}
