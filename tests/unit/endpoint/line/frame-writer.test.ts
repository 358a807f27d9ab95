import { expect, test } from '@jest/globals'
import { FrameWriter, type RequestFrame } from '../../../../services/endpoint/line/frame-writer.js'
import { FakeClock } from '../../../support/memory/clock.js'

const ping = (nonce: bigint): RequestFrame => ({ case: 'ping', value: { nonce } })

/** A call that takes one message when it is told to. */
function slowCall() {
  const taken: unknown[] = []
  const waiting: (() => void)[] = []
  return {
    taken,
    takeOne: () => waiting.shift()?.(),
    call: {
      write: ({ frame }: { frame?: unknown }) => {
        taken.push(frame)
        return new Promise<void>(resolve => waiting.push(resolve))
      },
      end: () => void taken.push('end'),
    },
  }
}

test('a frame is written when the one before it was taken, and the end comes behind them all', async () => {
  const clock = new FakeClock()
  const { call, taken, takeOne } = slowCall()
  const writer = new FrameWriter(call, clock)
  writer.write(ping(1n))
  writer.write(ping(2n))
  writer.end()
  await clock.settled()
  expect(taken).toEqual([ping(1n)])
  takeOne()
  await clock.settled()
  expect(taken).toEqual([ping(1n), ping(2n)])
  takeOne()
  await clock.settled()
  expect(taken).toEqual([ping(1n), ping(2n), 'end'])
})

test('a call that is over drops frames in silence', async () => {
  const clock = new FakeClock()
  const written: unknown[] = []
  const writer = new FrameWriter(
    {
      write: async ({ frame }) => {
        written.push(frame)
        throw new Error('the call is over')
      },
      end: () => undefined,
    },
    clock,
  )
  writer.write(ping(1n))
  writer.write(ping(2n))
  await clock.settled()
  expect(written).toHaveLength(2)
})

test('it tells when something was last given to be written', () => {
  const clock = new FakeClock(1000)
  const writer = new FrameWriter(slowCall().call, clock)
  clock.pass(500)
  expect(writer.lastWritten).toBe(1000)
  writer.write(ping(1n))
  expect(writer.lastWritten).toBe(1500)
})
