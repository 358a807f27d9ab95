import { beforeEach, describe, expect, test } from '@jest/globals'
import type { RequestFrame } from '../../../../services/endpoint/line/frame-writer.js'
import { SilenceWatch } from '../../../../services/endpoint/line/silence-watch.js'
import { FakeClock } from '../../../support/memory/clock.js'

const SECOND_MS = 1000
const TIMES = { pingIntervalMs: 5 * SECOND_MS, deadAfterMs: 12 * SECOND_MS }

let clock: FakeClock
let written: RequestFrame[]
let deaths: unknown[]
let watch: SilenceWatch

beforeEach(() => {
  clock = new FakeClock()
  written = []
  deaths = []
  let lastWritten = clock.now()
  watch = new SilenceWatch(
    clock,
    {
      get lastWritten() {
        return lastWritten
      },
      write(frame) {
        lastWritten = clock.now()
        written.push(frame)
      },
    },
    cause => deaths.push(cause),
  )
})

/** Lets seconds pass, one after the other. */
const seconds = (count: number) => {
  for (let second = 0; second < count; second++) clock.pass(SECOND_MS)
}

describe('a server that says nothing', () => {
  test('to Open is dead after ten seconds', () => {
    seconds(10)
    expect(deaths).toEqual([])
    seconds(1)
    expect(deaths).toMatchObject([{ why: { code: 'silent', seconds: 11 } }])
  })

  test('later on is dead after the time that it named', () => {
    watch.opened(TIMES)
    seconds(12)
    expect(deaths).toEqual([])
    seconds(1)
    expect(deaths).toHaveLength(1)
  })

  test('is alive as long as something is heard', () => {
    watch.opened(TIMES)
    for (let times = 0; times < 5; times++) {
      seconds(12)
      watch.heard()
    }
    expect(deaths).toEqual([])
  })
})

describe('a ping', () => {
  test('is sent where nothing else was for the interval that the server named, each with another nonce', () => {
    watch.opened(TIMES)
    watch.heard()
    seconds(4)
    expect(written).toEqual([])
    seconds(6)
    expect(written).toMatchObject([{ case: 'ping' }, { case: 'ping' }])
    const nonces = written.map(frame => frame.case === 'ping' && frame.value.nonce)
    expect(new Set(nonces).size).toBe(2)
  })

  test('is not sent before the server has named an interval', () => {
    seconds(9)
    expect(written).toEqual([])
  })
})

test('while nothing is read silence means nothing, and from then on it is counted anew', async () => {
  watch.opened(TIMES)
  const work = Promise.withResolvers<void>()
  const paused = watch.pausedFor(work.promise)
  seconds(60)
  expect(deaths).toEqual([])
  work.resolve()
  await paused
  seconds(12)
  expect(deaths).toEqual([])
  seconds(1)
  expect(deaths).toHaveLength(1)
})

test('a watch that was stopped looks no more', () => {
  watch.stop()
  seconds(60)
  expect({ deaths, written }).toEqual({ deaths: [], written: [] })
})
