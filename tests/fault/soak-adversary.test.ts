// A short soak with members whose programs are modified: what `npm run soak -- --adversaries 2` does for minutes.

import { describe, expect, test } from '@jest/globals'
import { ACTS, actsNamed } from '../soak/adversary/acts.js'
import { isHonest, isSecretFrom, marked } from '../soak/adversary/names.js'
import { soak } from '../soak/run.js'

const MS = 6_000
/** Setting up, getting quiet and a busy machine included. */
const LIMIT_MS = 240_000

test(
  'whatever two of seven members do, the five others lose nothing and are read by nobody else',
  async () => {
    const options = { members: 5, messages: 20, ms: MS, kill: false, seed: 5, perProcess: 3 }
    const said: string[] = []
    const report = await soak({ ...options, adversaries: 2, say: text => said.push(text) })
    const late = said.filter(text => text.startsWith('it does not'))
    expect({ violations: report.violations, late }).toEqual({ violations: [], late: [] })
    expect(report.checked).toBeGreaterThan(options.members * options.messages)
    expect(Object.keys(report.acts).length).toBeGreaterThan(5)
    // They were let in, and follow: else there would be nothing that they could not read.
    expect(report.read).toBeGreaterThan(0)
  },
  LIMIT_MS,
)

describe('what an adversary may read', () => {
  const members = [{ handle: 'm1' }, { handle: 'x1' }, { handle: 'x2~abcdefgh' }]

  test('names those of them who were members when it was written', () => {
    const text = marked('of-m0 m1 0 7', members)
    expect(text).toBe('of-m0 m1 0 7 for x1,x2~abcdefgh')
    expect(['x0', 'x1', 'x2'].filter(handle => isSecretFrom(handle, text))).toEqual(['x0'])
  })

  test('is nothing of a text that names none, and all that is not the honest ones’', () => {
    expect(isSecretFrom('x0', marked('m1+m2 m1b 2 last', []))).toBe(true)
    expect(isSecretFrom('x0', 'a line of an adversary')).toBe(false)
  })

  test.each([
    [{ kind: 'room', peer: '#of-m0 m3 5', name: 'of-m0' }, true],
    [{ kind: 'room', peer: '#of-m0-2 m3 5', name: 'of-m0-2' }, true],
    [{ kind: 'room', peer: '#made-up', name: 'made-up' }, false],
    [{ kind: 'direct', peer: 'm4', name: 'm0+m4' }, true],
    [{ kind: 'direct', peer: 'x0~abcdefgh', name: 'm0+x0~abcdefgh' }, false],
  ])('%o', (conversation, honest) => {
    expect(isHonest(conversation)).toBe(honest)
  })
})

test('each act is chosen by its name', () => {
  expect(new Set(ACTS.map(({ name }) => name)).size).toBe(ACTS.length)
  expect(actsNamed('garbage-commit,rejoin-flood').map(({ name }) => name)).toEqual([
    'garbage-commit',
    'rejoin-flood',
  ])
  expect(() => actsNamed('nothing')).toThrow('an act is one of')
})
