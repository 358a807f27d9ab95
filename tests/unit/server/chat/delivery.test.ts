import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import { type ChatResponse, EnvelopeSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { createAnswers } from '../../../../services/server/chat/answers.js'
import { createDelivery, type Delivery } from '../../../../services/server/chat/delivery.js'
import { createSignal } from '../../../../services/server/chat/signal.js'
import type { Cursor, ReadResult } from '../../../../services/server/store/store.js'

const place = (number: number): Cursor => Uint8Array.of(number)

/** A log of envelopes 1, 2, 3, ..., read one by one, and what was asked of it. */
function fakeLog(end: number) {
  const state = { end, reads: 0, acked: [] as number[], wake: () => {}, watching: true }
  return {
    state,
    async read({ after }: { after: Cursor }): Promise<ReadResult> {
      state.reads += 1
      const at = after[0] ?? 0
      if (at >= state.end) return { envelopes: [], cursor: place(state.end), more: false }
      return { envelopes: [create(EnvelopeSchema)], cursor: place(at + 1), more: at + 1 < state.end }
    },
    async acknowledge(_: Uint8Array, cursor: Cursor) {
      state.acked.push(cursor[0]!)
    },
    watch(_: Uint8Array, wake: () => void) {
      state.wake = wake
      return () => {
        state.watching = false
      }
    },
  }
}

function deliveryOf(end: number, window: number, cursor: Cursor = new Uint8Array()) {
  const log = fakeLog(end)
  const ready = createSignal()
  const failures: unknown[] = []
  const delivery = createDelivery({
    ...{ log, device: new Uint8Array(32), cursor, window },
    onReady: ready.raise,
    onFailure: error => void failures.push(error),
  })
  return { log, ready, delivery, failures }
}

/** Takes frames until none comes though the log had its turns. */
async function drain(delivery: Delivery): Promise<string[]> {
  const kinds: string[] = []
  for (let idle = 0; idle < 10; idle++) {
    for (let frame: ChatResponse | undefined = delivery.next(); frame; frame = delivery.next()) {
      const { frame: content } = frame
      kinds.push(content.case === 'deliver' ? String(content.value.cursor[0]) : String(content.case))
      idle = 0
    }
    await Promise.resolve()
  }
  return kinds
}

describe('delivery', () => {
  test('brings what is there, then CaughtUp, then what comes', async () => {
    const { log, delivery } = deliveryOf(3, 99)
    expect(await drain(delivery)).toEqual(['1', '2', '3', 'caughtUp'])
    log.state.end = 5
    log.state.wake()
    expect(await drain(delivery)).toEqual(['4', '5'])
  })

  test('reads one batch ahead and no further', async () => {
    const { log, delivery } = deliveryOf(50, 99)
    await Promise.resolve()
    expect(log.state.reads).toBe(1)
    delivery.next()
    await Promise.resolve()
    expect(log.state.reads).toBe(2)
  })

  test('waits at the window, without reading on, until it is acked', async () => {
    const { log, delivery } = deliveryOf(9, 3)
    expect(await drain(delivery)).toEqual(['1', '2', '3'])
    const { reads } = log.state
    log.state.wake()
    expect(log.state.reads).toBe(reads)
    delivery.acked(place(2))
    expect(await drain(delivery)).toEqual(['4', '5'])
    delivery.acked(place(5))
    expect(await drain(delivery)).toEqual(['6', '7', '8'])
  })

  test('goes beyond the window for a mark, up to what was in the log, and remembers the window only', async () => {
    const { log, delivery } = deliveryOf(6, 2)
    expect(await drain(delivery)).toEqual(['1', '2'])
    const mark = delivery.mark()
    expect(delivery.passed(mark)).toBe(false)
    expect(await drain(delivery)).toEqual(['3', '4', '5', '6', 'caughtUp'])
    expect(delivery.passed(mark)).toBe(true)
    log.state.end = 8
    log.state.wake()
    expect(await drain(delivery)).toEqual([])
    delivery.acked(place(6))
    expect(await drain(delivery)).toEqual(['7', '8'])
  })

  test('passes acks on, also the one that Open stands for, and of many at once only the last', async () => {
    const { log, delivery } = deliveryOf(9, 99, place(4))
    await drain(delivery)
    for (const number of [5, 6, 7]) delivery.acked(place(number))
    await drain(delivery)
    expect(log.state.acked).toEqual([4, 5, 7])
  })

  test('ends with the log being left alone', () => {
    const { log, delivery } = deliveryOf(9, 99)
    delivery.stop()
    expect(log.state.watching).toBe(false)
  })
})

describe('answers', () => {
  const kinds = (answers: ReturnType<typeof createAnswers>, passed: (mark: number) => boolean) => {
    const said: string[] = []
    for (let next = answers.next(passed); next; next = answers.next(passed)) {
      const { frame } = next
      if (frame.case === 'accepted') said.push(`accepted ${frame.value.clientSequence}`)
      if (frame.case === 'rejected')
        said.push(`rejected ${frame.value.sends.map(({ clientSequence }) => clientSequence)}`)
    }
    return said
  }

  test('join what may be joined and keep the order of the rest', () => {
    const answers = createAnswers()
    for (const number of [1n, 2n, 3n]) answers.accept(number)
    for (const number of [4n, 5n]) answers.reject({ clientSequence: number })
    for (const number of [4n, 2n]) answers.accept(number)
    expect(answers.size()).toBe(4)
    expect(kinds(answers, () => true)).toEqual(['accepted 3', 'rejected 4,5', 'accepted 4'])
  })

  test('wait behind one that must come after what won', () => {
    const answers = createAnswers()
    answers.accept(1n)
    answers.reject({ clientSequence: 2n }, 7)
    answers.accept(2n)
    expect(kinds(answers, () => false)).toEqual(['accepted 1'])
    expect(kinds(answers, mark => mark === 7)).toEqual(['rejected 2', 'accepted 2'])
  })
})
