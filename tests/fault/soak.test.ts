// A short soak: what `npm run soak` does for minutes, with few members and every trouble.

import { expect, test } from '@jest/globals'
import { soak } from '../soak/run.js'

const MS = 12_000
/** Setting up, getting quiet and a busy machine included. */
const LIMIT_MS = 240_000

test(
  'members and server are killed, cut off, slowed down and paused, and what the members hold agrees',
  async () => {
    const options = { members: 6, messages: 25, ms: MS, kill: true, seed: 3, perProcess: 2 }
    const said: string[] = []
    const report = await soak({ ...options, say: text => said.push(text) })
    expect({
      violations: report.violations,
      said: said.filter(text => text.startsWith('it does not')),
    }).toEqual({
      violations: [],
      said: [],
    })
    expect(report.checked).toBeGreaterThan(options.members * options.messages)
    expect(report.counts.commits).toBeGreaterThan(options.members)
    expect(report.troubles.serverKills + report.troubles.memberKills).toBeGreaterThan(0)
  },
  LIMIT_MS,
)
