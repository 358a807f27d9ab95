import { expect, test } from '@jest/globals'
import { Heartbeat } from '../../../../services/server/chat/heartbeat.js'

const TIMING = { pingIntervalMs: 5_000, deadAfterMs: 12_000 }

function begun() {
  return { heartbeat: new Heartbeat(TIMING), began: Date.now() }
}

test('pings are answered in their order, before a ping of our own', () => {
  const { heartbeat, began } = begun()
  heartbeat.owePong(7n)
  heartbeat.owePong(7n)
  heartbeat.owePong(0n)
  expect(heartbeat.tick(began + TIMING.pingIntervalMs + 100, 0)).toBe('ping')
  expect(heartbeat.unsentPongs()).toBe(3)
  const frames = [1, 2, 3, 4].map(() => heartbeat.next()?.frame)
  expect(frames.map(frame => frame?.case)).toEqual(['pong', 'pong', 'pong', 'ping'])
  expect(frames.map(frame => frame?.value)).toMatchObject([
    { nonce: 7n },
    { nonce: 7n },
    { nonce: 0n },
    { nonce: 1n },
  ])
  expect(heartbeat.next()).toBeUndefined()
  expect(heartbeat.unsentPongs()).toBe(0)
})

test('a ping is due a while after the last frame that was sent', () => {
  const { heartbeat, began } = begun()
  expect(heartbeat.tick(began + TIMING.pingIntervalMs - 500, 0)).toBeUndefined()
  expect(heartbeat.tick(began + TIMING.pingIntervalMs + 500, 0)).toBe('ping')
  expect(heartbeat.tick(began + TIMING.pingIntervalMs + 500, 0)).toBe('ping')
  expect([heartbeat.next()?.frame.case, heartbeat.next()]).toEqual(['ping', undefined])
})

test('the other side is dead after its silence, but not for what was heard, nor for a process that stood still', () => {
  const { heartbeat, began } = begun()
  expect(heartbeat.tick(began + TIMING.deadAfterMs - 500, 0)).toBe('ping')
  heartbeat.heard(began + 10_000)
  expect(heartbeat.tick(began + 10_000 + TIMING.deadAfterMs - 500, 0)).toBe('ping')
  expect(heartbeat.tick(began + 60_000, 45_000)).toBe('ping')
  expect(heartbeat.tick(began + 60_000 + TIMING.deadAfterMs, 0)).toBe('dead')
})
