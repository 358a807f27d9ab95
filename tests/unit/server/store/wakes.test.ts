import { expect, test } from '@jest/globals'
import { Wakes } from '../../../../services/server/store/wakes.js'

test('all who wait for a device are called, each once, until they stop', async () => {
  const wakes = new Wakes()
  const called: string[] = []
  const twice = () => void called.push('twice')
  const stops = [wakes.add(1, twice), wakes.add(1, twice), wakes.add(2, () => void called.push('other'))]
  wakes.wake([1])
  expect(called).toEqual([])
  await Promise.resolve()
  expect(called).toEqual(['twice', 'twice'])
  stops[0]!()
  stops[0]!()
  wakes.wake([1, 2, 3])
  await Promise.resolve()
  expect(called).toEqual(['twice', 'twice', 'twice', 'other'])
  expect([wakes.has(1), wakes.has(2), wakes.has(3)]).toEqual([true, true, false])
  stops[1]!()
  expect(wakes.has(1)).toBe(false)
})

test('one that stops while another of its device begins takes nothing from that one', () => {
  const wakes = new Wakes()
  const stop = wakes.add(1, () => undefined)
  stop()
  wakes.add(1, () => undefined)
  stop()
  expect(wakes.has(1)).toBe(true)
})
