import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import { type ChatResponse, EnvelopeSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { Delivery } from '../../../../services/server/chat/delivery.js'
import { Signal } from '../../../../services/server/chat/signal.js'
import type { Place, ReadResult } from '../../../../services/server/store/store.js'

/** A log of envelopes 1, 2, 3, ..., read one by one, and what was asked of it. */
function fakeLog(end: number) {
  const state = { end, reads: 0, acked: [] as number[], wake: () => {}, watching: true }
  return {
    state,
    async read({ after }: { after: Place }): Promise<ReadResult> {
      state.reads += 1
      if (after >= state.end) return { envelopes: [], place: state.end, more: false }
      return { envelopes: [create(EnvelopeSchema)], place: after + 1, more: after + 1 < state.end }
    },
    async acknowledge(_: Uint8Array, place: Place) {
      state.acked.push(place)
    },
    watch(_: Uint8Array, wake: () => void) {
      state.wake = wake
      return () => {
        state.watching = false
      }
    },
  }
}

function deliveryOf(end: number, window: number, place: Place = 0) {
  const log = fakeLog(end)
  const ready = new Signal()
  const failures: unknown[] = []
  const delivery = new Delivery({
    ...{ log, device: new Uint8Array(32), place, window },
    cursors: { seal: place => Uint8Array.of(place) },
    onReady: () => ready.raise(),
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
    delivery.acked(2)
    expect(await drain(delivery)).toEqual(['4', '5'])
    delivery.acked(5)
    expect(await drain(delivery)).toEqual(['6', '7', '8'])
  })

  test('goes beyond the window up to a place that is waited for, and remembers the window only', async () => {
    const { log, delivery } = deliveryOf(6, 2)
    expect(await drain(delivery)).toEqual(['1', '2'])
    delivery.deliverTo(5)
    expect(delivery.isDelivered(5)).toBe(false)
    expect(await drain(delivery)).toEqual(['3', '4', '5'])
    expect(delivery.isDelivered(5)).toBe(true)
    expect(delivery.isDelivered(6)).toBe(false)
    delivery.acked(5)
    expect(await drain(delivery)).toEqual(['6', 'caughtUp'])
    log.state.end = 9
    log.state.wake()
    expect(await drain(delivery)).toEqual(['7'])
  })

  test('waits for the furthest of several places, and looks for one that it has not heard of', async () => {
    const { log, delivery } = deliveryOf(2, 1)
    expect(await drain(delivery)).toEqual(['1'])
    log.state.end = 5
    delivery.deliverTo(4)
    delivery.deliverTo(3)
    expect(await drain(delivery)).toEqual(['2', 'caughtUp', '3', '4'])
  })

  test('has delivered nothing before it has read, whatever place the device says that it is at', async () => {
    const { delivery } = deliveryOf(4, 9, 200)
    expect(delivery.isDelivered(3)).toBe(false)
    await drain(delivery)
    expect(delivery.isDelivered(4)).toBe(true)
  })

  test('passes acks on, also the one that Open stands for, and of many at once only the last', async () => {
    const { log, delivery } = deliveryOf(9, 99, 4)
    await drain(delivery)
    for (const number of [5, 6, 7]) delivery.acked(number)
    await drain(delivery)
    expect(log.state.acked).toEqual([4, 5, 7])
  })

  test('ends with the log being left alone', () => {
    const { log, delivery } = deliveryOf(9, 99)
    delivery.stop()
    expect(log.state.watching).toBe(false)
  })
})
