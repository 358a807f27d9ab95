// The troubles of server and members while they write.

import { setTimeout as delay } from 'node:timers/promises'
import type { Chance } from '../support/chance.js'

/** A process that can be troubled. */
export interface Victim {
  cut(): void
  /** Everything arrives later by so many ms. */
  slow(ms: number): void
  pause(): void
  goOn(): void
  /** kill -9, and a start anew. */
  kill(): Promise<void>
}

export type Troubles = Record<'memberKills' | 'serverKills' | 'cuts' | 'delays' | 'pauses', number>

const WEIGHTS = { cut: 4, slow: 3, pause: 3 }
const KILLS = { killMembers: 3, killServer: 2 }
/** Between two troubles, in ms. */
const REST_MS = { from: 500, to: 4000 }
/** How long one lasts, in ms: some reach beyond what server and endpoint take for dead (12 s). */
const LASTS_MS = { from: 300, to: 4000 }
const LASTS_LONG_MS = { from: 12_000, to: 16_000 }
const LONG_ONE_IN = 8
const SLOW_MS = { from: 20, to: 800 }

export interface Scene {
  members: readonly Victim[]
  killServer(): Promise<void>
  /** Whether anything is killed. */
  kill: boolean
  ms: number
  chance: Chance
}

/** One after the other until the time is up; some still last then. Resolves when all is as it was. */
export async function trouble({ members, killServer, kill, ms, chance }: Scene): Promise<Troubles> {
  const done: Troubles = { memberKills: 0, serverKills: 0, cuts: 0, delays: 0, pauses: 0 }
  const lasting: Promise<void>[] = []
  const busy = new Set<Victim>()
  const end = performance.now() + ms
  const hold = (victim: Victim, begin: () => void, stop: () => void) => {
    const lasts = chance.whole(LONG_ONE_IN) === 0 ? LASTS_LONG_MS : LASTS_MS
    const time = Math.min(chance.between(lasts.from, lasts.to), Math.max(0, end - performance.now()))
    busy.add(victim)
    begin()
    lasting.push(
      delay(time).then(() => {
        stop()
        busy.delete(victim)
      }),
    )
  }
  while (performance.now() < end) {
    await delay(chance.between(REST_MS.from, REST_MS.to))
    const kind = chance.weighted(
      kill ? { ...WEIGHTS, ...KILLS } : { ...WEIGHTS, killMembers: 0, killServer: 0 },
    )
    const victim = chance.pick(members.filter(member => !busy.has(member)))
    if (kind === 'killServer') {
      done.serverKills++
      await killServer()
    }
    if (!victim) continue
    if (kind === 'cut') {
      done.cuts++
      victim.cut()
    } else if (kind === 'slow') {
      done.delays++
      hold(
        victim,
        () => victim.slow(chance.between(SLOW_MS.from, SLOW_MS.to)),
        () => victim.slow(0),
      )
    } else if (kind === 'pause') {
      done.pauses++
      hold(victim, victim.pause, victim.goOn)
    } else if (kind === 'killMembers') {
      done.memberKills++
      await victim.kill()
    }
  }
  await Promise.all(lasting)
  return done
}
