// A short campaign; `npm run fuzz` runs one as long as one likes.

import { expect, test } from '@jest/globals'
import { campaign } from './campaign.js'
import type { Target } from './target.js'
import { TARGETS } from './targets.js'

test('changed inputs crash nothing, take no time, and change nothing that was refused', async () => {
  const { inputs, findings } = await campaign(TARGETS, { seed: 1, inputs: 4_000, forMs: 60_000 })
  expect(findings).toEqual([])
  expect(Object.values(inputs).every(count => count > 0)).toBe(true)
  expect(Object.values(inputs).reduce((sum, each) => sum + each, 0)).toBe(4_000)
}, 120_000)

test.each<[string, Target['open']]>([
  ['throws', async () => ({ run: () => Promise.reject(new Error('a defect')) })],
  [
    'has another state',
    async () => ({ run: () => undefined, check: () => Promise.reject(new Error('other')) }),
  ],
  [
    'takes too long',
    async () => ({
      run() {
        const before = process.cpuUsage()
        while (process.cpuUsage(before).user < 1_200_000);
      },
    }),
  ],
])('a target that %s is found', async (_, open) => {
  const { findings } = await campaign([{ name: 'broken', share: 1, open }], {
    seed: 1,
    inputs: 1,
    forMs: 9_000,
  })
  expect(findings).toMatchObject([{ target: 'broken' }])
})
