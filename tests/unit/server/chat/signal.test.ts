import { expect, test } from '@jest/globals'
import { Signal } from '../../../../services/server/chat/signal.js'

test('what is raised while nobody waits is kept for the next wait, once', async () => {
  const signal = new Signal()
  signal.raise()
  signal.raise()
  await signal.wait()
  const order: string[] = []
  const waited = signal.wait().then(() => order.push('woken'))
  await Promise.resolve()
  order.push('raised')
  signal.raise()
  await waited
  expect(order).toEqual(['raised', 'woken'])
})
