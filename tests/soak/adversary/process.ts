// A process of adversaries: modified programs that help each other, each at one of its acts at a time.

import { setTimeout as delay } from 'node:timers/promises'
import { answer } from '../../bench/worker.js'
import { type Chance, chance } from '../../support/chance.js'
import { type Act, Hole, Skipped } from './act.js'
import { actsNamed } from './acts.js'
import { Program, type Role } from './program.js'

export interface AdversariesStart {
  port: number
  adversaries: readonly { handle: string; role: Role }[]
  honest: readonly string[]
  seed: number
  /** See `actsNamed`. */
  acts: string
}

/** A text that somebody could read. */
export interface ReadText {
  by: string
  text: string
}

export interface AdversaryReport {
  /** How often each act was done. */
  acts: Record<string, number>
  read: ReadText[]
  /** Things that the server should have refused, and defects of the adversaries. */
  holes: string[]
}

const programs: Program[] = []
const read = new Map<string, ReadText>()
const holes: string[] = []
const done: Record<string, number> = {}
let started: AdversariesStart
let acts: Act[] = []
let acting = false
const turns: Promise<void>[] = []
/** The act that each of them is at. */
const under = new Map<string, string>()
/** An act hangs that takes longer, in ms: the server is to end what it does not take. */
const LONGEST_MS = 40_000
/** An adversary does one in so many of the acts that cost it its place in a room. */
const SEEN_ONE_IN = 4

/** Each tries all that any of them is given: who was removed has helpers who were not. */
async function readAll(conversationId: Uint8Array, ciphertext: Uint8Array): Promise<void> {
  for (const { handle, groups } of programs)
    for (const text of await groups.read(conversationId, ciphertext))
      read.set(`${handle} ${text}`, { by: handle, text })
}

function chosen(luck: Chance): Act | undefined {
  const act = luck.pick(acts)
  return act?.isSeen && luck.whole(SEEN_ONE_IN) > 0 ? chosen(luck) : act
}

async function goOn(by: Program, pauseMs: number, luck: Chance): Promise<void> {
  const others = programs.filter(each => each !== by)
  while (acting) {
    await delay(luck.between(0, 2 * pauseMs))
    const act = chosen(luck)
    if (!acting || !act) continue
    under.set(by.handle, act.name)
    try {
      await act.run({ by, chance: luck, honest: started.honest, others })
      done[act.name] = (done[act.name] ?? 0) + 1
    } catch (error) {
      if (error instanceof Skipped) continue
      holes.push(
        `${by.handle}, ${act.name}: ${error instanceof Hole ? error.message : (error as Error).stack}`,
      )
    } finally {
      under.delete(by.handle)
    }
  }
}

const methods = {
  async start(start: AdversariesStart) {
    started = start
    acts = actsNamed(start.acts)
    for (const { handle, role } of start.adversaries)
      programs.push(await Program.enter({ handle, role, port: start.port, onCiphertext: readAll }))
    for (const { line } of programs)
      line.run().catch((error: unknown) => void holes.push(String((error as Error).stack)))
    for (const { line } of programs) await line.up()
  },
  /** Begins to act. `pauseMs`: between two acts of one of them, on average. */
  async act({ pauseMs }: { pauseMs: number }) {
    acting = true
    for (const [index, program] of programs.entries())
      turns.push(goOn(program, pauseMs, chance(started.seed + 7_777 * (index + 1))))
  },
  /** Resolves when the last act is over. */
  async rest() {
    acting = false
    await Promise.race([Promise.all(turns), delay(LONGEST_MS)])
    for (const [handle, name] of under) holes.push(`${handle}, ${name}: it does not end`)
  },
  report: async (): Promise<AdversaryReport> => ({ acts: done, read: [...read.values()], holes }),
}
export type AdversariesApi = typeof methods

answer(methods, async () => {
  for (const program of programs) program.close()
})
