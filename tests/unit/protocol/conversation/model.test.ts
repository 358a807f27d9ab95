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

const sequence = fc.tuple(fc.array(step, { minLength: 2, maxLength: 9 }), fc.nat(20))

type Sequence = typeof sequence extends fc.Arbitrary<infer S> ? S : never

/** The commits that were tried in it. */
function triedIn(kind: 'room' | 'direct', [steps, from]: Sequence) {
  const model = new ChainModel(kind)
  for (const each of steps) model.step(each)
  model.replay(from)
  return model.tried
}

test.each([
  ['room', 4_000],
  ['direct', 1_000],
] as const)('in a %s, members decide alike and nobody gets powers, in %d sequences', (kind, numRuns) => {
  fc.assert(
    fc.property(sequence, each => void triedIn(kind, each)),
    { numRuns },
  )
})

test.each(['room', 'direct'] as const)('in a %s, some of such commits are taken, and more are not', kind => {
  const tried = fc.sample(sequence, { numRuns: 50, seed: 1 }).flatMap(each => triedIn(kind, each))
  const taken = tried.filter(({ verdict }) => verdict === 'taken').length
  expect(taken).toBeGreaterThan(tried.length / 6)
  expect(taken).toBeLessThan(tried.length / 2)
})
