import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { decode } from '../../../services/rpc/codec/codec.js'
import { RpcError } from '../../../services/rpc/error.js'

/** Messages that a pipe takes before its writer has to wait, as grpc-js has it. */
const HIGH_WATER = 16

interface PipeOptions {
  /** The messages that come out for one that goes in: nothing, the same, another, several. */
  pass(bytes: Uint8Array): readonly Uint8Array[]
  /** Resolves when messages may pass. */
  open(): Promise<void>
  /** Told of every message that passes. */
  onPassed(): void
}

/** One direction of a stream, in which messages are under way for a turn of the event loop. */
export class Pipe {
  readonly #queue: Uint8Array[] = []
  #waiting = 0
  #last: Promise<void> = Promise.resolve()
  #end: { error?: unknown } | undefined
  #wake = () => {}
  #drained = Promise.withResolvers<void>()

  constructor(private readonly options: PipeOptions) {}

  /** Resolves when the pipe takes the next message. Throws RpcError when it has ended or broken. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#checkOpen()
    this.#waiting++
    this.#last = this.#last.then(() => this.#carry(bytes))
    while (this.#waiting >= HIGH_WATER) {
      await this.#drained.promise
      this.#checkOpen()
    }
  }

  /** Ends behind what was written; with an error, that is thrown to the reader then. */
  end(error?: unknown): void {
    this.#last = this.#last.then(async () => {
      await this.options.open()
      this.#endWith(error)
    })
  }

  /** Ends now. All that is under way or unread is lost. */
  break(error: unknown): void {
    this.#queue.length = 0
    this.#endWith(error)
  }

  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const next = this.#queue.shift()
      if (next !== undefined) {
        this.#take()
        yield next
      } else if (this.#end) {
        if ('error' in this.#end) throw this.#end.error
        return
      } else
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
    }
  }

  async #carry(bytes: Uint8Array): Promise<void> {
    await nextTurn()
    await this.options.open()
    if (this.#end) return
    const passed = this.options.pass(bytes)
    this.#queue.push(...passed)
    this.#waiting += passed.length - 1
    if (passed.length === 0) this.#release()
    this.options.onPassed()
    this.#wake()
  }

  #checkOpen(): void {
    if (this.#end) throw this.#end.error ?? new RpcError('CANCELLED', 'the stream has ended')
  }

  #take(): void {
    this.#waiting--
    this.options.onPassed()
    this.#release()
  }

  #endWith(error: unknown): void {
    this.#end ??= error === undefined ? {} : { error }
    this.options.onPassed()
    this.#wake()
    this.#release()
  }

  #release(): void {
    this.#drained.resolve()
    this.#drained = Promise.withResolvers()
  }
}

/** A message that came out of a pipe. Throws RpcError RESOURCE_EXHAUSTED for one that is too large. */
export function decodeWithin<D extends DescMessage>(
  schema: D,
  bytes: Uint8Array,
  maxBytes: number,
): MessageShape<D> {
  if (bytes.length > maxBytes) throw new RpcError('RESOURCE_EXHAUSTED', `${schema.name} is too large`)
  return decode(schema, bytes)
}
