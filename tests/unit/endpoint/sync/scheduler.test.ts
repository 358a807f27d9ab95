import { beforeEach, expect, test } from '@jest/globals'
import { Scheduler } from '../../../../services/endpoint/sync/scheduler.js'
import { FakeClock } from '../../../support/memory/clock.js'

let clock: FakeClock
let scheduler: Scheduler
let done: string[]
const note = (what: string) => () => void done.push(what)

beforeEach(() => {
  clock = new FakeClock()
  scheduler = new Scheduler(clock)
  done = []
})

test('does things once, and again and again, when they are due', () => {
  scheduler.after(100, note('once'))
  scheduler.every(60, note('again'))
  clock.pass(60)
  clock.pass(60)
  clock.pass(60)
  expect(done).toEqual(['again', 'once', 'again', 'again'])
})

test('does nothing that was cancelled, nor anything once it is stopped', () => {
  scheduler.after(10, note('cancelled')).cancel()
  scheduler.every(10, note('cancelled, too')).cancel()
  scheduler.after(10, note('stopped'))
  scheduler.every(10, note('stopped, too'))
  scheduler.wakeAt(clock.now() + 10, note('woken'))
  expect(scheduler.isStopped).toBe(false)
  scheduler.stop()
  expect(scheduler.isStopped).toBe(true)
  scheduler.after(10, note('added'))
  scheduler.every(10, note('added, too'))
  scheduler.wakeAt(clock.now() + 10, note('woken'))
  clock.pass(1000)
  expect(done).toEqual([])
})

test('of several times to wake at, only the earliest counts, and the next is asked for then', () => {
  const now = clock.now()
  scheduler.wakeAt(now + 500, note('late'))
  scheduler.wakeAt(now + 200, note('early'))
  scheduler.wakeAt(now + 300, note('between'))
  clock.pass(200)
  expect(done).toEqual([])
  clock.pass(1)
  expect(done).toEqual(['early'])
  scheduler.wakeAt(now + 400, note('next'))
  clock.pass(200)
  expect(done).toEqual(['early', 'next'])
})
