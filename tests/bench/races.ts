import { race } from '../soak/races.js'
import { median, percentile } from './measure.js'
import type { Bench } from './parts.js'
import type { Row } from './result.js'

const MEMBERS = 8
const ROUNDS = 100

/** Members who all commit at the same moment: how often they have to, until each has. */
export async function races({ say }: Bench): Promise<Row[]> {
  say(`${MEMBERS} members commit at the same time, ${ROUNDS} rounds`)
  const { commits, attempts, mostAttempts, roundMs, told } = await race({ members: MEMBERS, rounds: ROUNDS })
  const agree = told.every(member => member.join() === told[0]!.join())
  return [
    {
      name: `attempts for ${commits} commits by ${MEMBERS} members at once`,
      value: attempts,
      unit: 'commits',
      target: {
        what: 'one epoch after another, the same for everybody',
        reached: agree && told[0]!.length === commits,
      },
      details: { commits, rounds: ROUNDS },
    },
    {
      name: 'attempts of one member in one round, at most',
      value: mostAttempts,
      unit: 'commits',
      target: { what: `at most ${MEMBERS}`, reached: mostAttempts <= MEMBERS },
    },
    {
      name: `round of ${MEMBERS} commits at all ${MEMBERS} members, p50`,
      value: median(roundMs),
      unit: 'ms',
      details: { p99: percentile(roundMs, 0.99) },
    },
  ]
}
