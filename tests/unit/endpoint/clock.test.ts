import { describe, expect, test } from '@jest/globals'
import { systemClock } from '../../../services/endpoint/local.js'
import { pause } from '../../../services/endpoint/ports.js'
import { FakeClock } from '../../support/memory/clock.js'

describe('the clock of this machine', () => {
  test('runs no action early that is further away than a timer of Node runs', async () => {
    const done: string[] = []
    const far = systemClock.after(2 ** 40, () => done.push('far'))
    // An overflowing timer would go off after one millisecond, so before this one.
    await new Promise<void>(resolve => systemClock.after(20, resolve))
    far.cancel()
    expect(done).toEqual([])
  })

  test('does things again until that is cancelled, and nothing that was cancelled before', async () => {
    let times = 0
    systemClock.after(1, () => times--).cancel()
    await new Promise<void>(resolve => {
      // It keeps no process alive, so this does.
      const keeper = systemClock.after(60_000, resolve)
      const beat = systemClock.every(1, () => {
        if (++times < 3) return
        beat.cancel()
        keeper.cancel()
        resolve()
      })
    })
    expect(times).toBe(3)
  })
})

describe('a pause', () => {
  const paused = (clock: FakeClock, signal?: AbortSignal) => {
    const state = { isOver: false }
    void pause(clock, 1_000, signal).then(() => {
      state.isOver = true
    })
    return state
  }

  test('ends when its time is up', async () => {
    const clock = new FakeClock()
    const state = paused(clock)
    clock.pass(999)
    await Promise.resolve()
    expect(state.isOver).toBe(false)
    clock.pass(1)
    await clock.settled()
    expect(state.isOver).toBe(true)
  })

  test('ends as soon as its signal is aborted, also if it was before', async () => {
    const clock = new FakeClock()
    const controller = new AbortController()
    const state = paused(clock, controller.signal)
    controller.abort()
    const late = paused(clock, controller.signal)
    await clock.settled()
    expect([state.isOver, late.isOver]).toEqual([true, true])
  })
})
