// Eight members commit at the same time, again and again. `npm run bench -- --only races` does it a hundred times.

import { expect, test } from '@jest/globals'
import { race } from '../soak/races.js'

const MEMBERS = 8
const ROUNDS = 10
const LIMIT_MS = 240_000

test(
  'commits at the same moment become one epoch after another, the same for everybody, and nobody starves',
  async () => {
    const { told, commits, attempts, mostAttempts } = await race({ members: MEMBERS, rounds: ROUNDS })

    expect(told[0]).toHaveLength(commits)
    expect(new Set(told[0]).size).toBe(commits)
    for (const member of told) expect(member).toEqual(told[0])
    // There were races at all; and who loses one loses it to somebody who has won, and does not race again.
    expect(attempts).toBeGreaterThan(commits)
    expect(mostAttempts).toBeLessThanOrEqual(MEMBERS)
  },
  LIMIT_MS,
)
