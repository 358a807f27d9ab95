// Random conversations, in which anybody may commit anything: those who judge by what the group holds never disagree.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ChainModel } from '../../../support/chain-model.js'

const { stackTraceLimit } = Error
// A trace for each of the refusals, of which there are tens of thousands, takes as long as everything else.
beforeAll(() => {
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

const step = fc.record({
  by: fc.nat(5),
  device: fc.nat(8),
  whom: fc.nat(8),
  which: fc.nat(8),
  list: fc.nat(8),
  acts: fc.array(fc.nat(10), { maxLength: 2 }),
  behind: fc.nat(3),
  twist: fc.nat(12),
})

test.each([
  ['room', 4_000],
  ['direct', 1_000],
] as const)('in a %s, members decide alike and nobody gets powers, in %d sequences', (kind, numRuns) => {
  const verdicts = new Map<string, number>()
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 9 }), fc.nat(20), (steps, from) => {
      const model = new ChainModel(kind)
      for (const each of steps) model.step(each)
      model.replay(from)
      for (const { verdict } of model.tried) verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
    }),
    { numRuns },
  )
  // Or nothing above has looked at anything.
  const tried = [...verdicts.values()].reduce((sum, count) => sum + count, 0)
  expect(verdicts.get('taken')).toBeGreaterThan(tried / 6)
  expect(verdicts.get('taken')).toBeLessThan(tried / 2)
})
