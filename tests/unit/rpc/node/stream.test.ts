import { EventEmitter } from 'node:events'
import { describe, expect, test } from '@jest/globals'
import { drainAwareWriter, type MessageStream, readMessages } from '../../../../services/rpc/node/stream.js'

/** Sizes in bytes on either side of where a message is waited for by itself. */
const SMALL = 1_000
const LARGE = 64 * 1024

/** A stream whose other side takes and gives what the test says. */
class FakeStream extends EventEmitter implements MessageStream {
  readonly written: number[] = []
  /** Whether it takes more after a write. */
  isOpen = true
  readonly #toRead: Buffer[] = []
  readonly #callbacks: (() => void)[] = []
  readableEnded = false
  destroyed = false

  write(message: Buffer, written?: () => void): boolean {
    this.written.push(message.length)
    if (written) this.#callbacks.push(written)
    return this.isOpen
  }

  /** The oldest message that somebody waits for is on its way. */
  sent(): void {
    this.#callbacks.shift()?.()
  }

  read(): Buffer | null {
    return this.#toRead.shift() ?? null
  }

  gives(...messages: Buffer[]): void {
    this.#toRead.push(...messages)
    this.emit('readable')
  }
}

/** Whether it has been settled by now, after all that waits for nothing from outside. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const mark = () => {
    settled = true
  }
  promise.then(mark, mark)
  await new Promise(setImmediate)
  return settled
}

function writerOf(stream: FakeStream) {
  const controller = new AbortController()
  return {
    write: drainAwareWriter(stream, controller.signal),
    abort: () => controller.abort(new Error('over')),
  }
}

describe('writing', () => {
  test('goes on at once while the stream takes more, and waits where it does not', async () => {
    const stream = new FakeStream()
    const { write } = writerOf(stream)
    await write(Buffer.alloc(SMALL))
    stream.isOpen = false
    const full = write(Buffer.alloc(SMALL))
    expect(await isSettled(full)).toBe(false)
    stream.isOpen = true
    stream.emit('drain')
    await full
    await write(Buffer.alloc(SMALL))
    expect(stream.written).toEqual([SMALL, SMALL, SMALL])
  })

  test('gives nothing to a stream that is full: the next wait for it, in their order', async () => {
    const stream = new FakeStream()
    const { write } = writerOf(stream)
    stream.isOpen = false
    const all = [1, 2, 3].map(length => write(Buffer.alloc(length)))
    expect(await isSettled(all[0]!)).toBe(false)
    expect(stream.written).toEqual([1])
    stream.emit('drain')
    await all[0]
    expect(await isSettled(all[1]!)).toBe(false)
    expect(stream.written).toEqual([1, 2])
    stream.isOpen = true
    stream.emit('drain')
    await Promise.all(all)
    expect(stream.written).toEqual([1, 2, 3])
    expect(stream.listenerCount('drain')).toBe(0)
  })

  test('waits for a large message by itself, whatever the stream says', async () => {
    const stream = new FakeStream()
    const { write } = writerOf(stream)
    await write(Buffer.alloc(LARGE - 1))
    const large = write(Buffer.alloc(LARGE))
    const next = write(Buffer.alloc(SMALL))
    expect(await isSettled(large)).toBe(false)
    expect(stream.written).toEqual([LARGE - 1, LARGE])
    stream.sent()
    await Promise.all([large, next])
    expect(stream.written).toEqual([LARGE - 1, LARGE, SMALL])
  })

  test('fails with the reason when the call is over, also what waits', async () => {
    const stream = new FakeStream()
    const { write, abort } = writerOf(stream)
    stream.isOpen = false
    const all = [write(Buffer.alloc(1)), write(Buffer.alloc(2)), write(Buffer.alloc(LARGE))]
    abort()
    for (const one of all) await expect(one).rejects.toThrow('over')
    await expect(write(Buffer.alloc(3))).rejects.toThrow('over')
    expect(stream.written).toEqual([1])
  })
})

describe('reading', () => {
  test('gives what is there, waits for more, and ends with the stream', async () => {
    const stream = new FakeStream()
    const messages = readMessages(stream)
    stream.gives(Buffer.from('a'), Buffer.from('b'))
    expect((await messages.next()).value?.toString()).toBe('a')
    expect((await messages.next()).value?.toString()).toBe('b')
    const third = messages.next()
    expect(await isSettled(third)).toBe(false)
    stream.gives(Buffer.from('c'))
    expect((await third).value?.toString()).toBe('c')
    const last = messages.next()
    stream.readableEnded = true
    stream.emit('end')
    expect((await last).done).toBe(true)
  })

  test.each(['end', 'close'])('leaves no listener behind, after %s or when it is left', async event => {
    const stream = new FakeStream()
    const ended = readMessages(stream)
    const waiting = ended.next()
    stream.destroyed = true
    stream.emit(event)
    expect((await waiting).done).toBe(true)
    stream.gives(Buffer.from('a'))
    for await (const _ of readMessages(stream)) break
    for (const name of ['readable', 'end', 'close']) expect(stream.listenerCount(name)).toBe(0)
  })
})
