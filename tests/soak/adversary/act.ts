// One thing that a modified program tries, again and again.

import type { Member } from '../../../services/endpoint/mls/engine.js'
import type { Chance } from '../../support/chance.js'
import type { Group } from './groups.js'
import type { Outcome } from './line.js'
import type { Program } from './program.js'

export interface Scene {
  by: Program
  chance: Chance
  /** The handles of honest people. */
  honest: readonly string[]
  /** The programs that help it. */
  others: readonly Program[]
}

export interface Act {
  readonly name: string
  /** All members see who did it, and an admin takes them out: it is done less often, or nobody were left in any room. */
  readonly isSeen?: true
  /** Throws Hole where the server takes what it must refuse. */
  run(scene: Scene): Promise<void>
}

/** There is nothing to do it with: no key package can be had, say. */
export class Skipped extends Error {
  override readonly name = 'Skipped'
}

/** Something was let through. */
export class Hole extends Error {}

/** A conversation that it was welcomed to, with its honest members. */
export interface Target {
  group: Group
  members: (Member & { handle: string })[]
}

/** One act in so many is done in a group that the program is out of, or that another one has taken the place of. */
const ELSEWHERE_ONE_IN = 6

/** Does it in one of its rooms, if it is in any. */
export async function inRoom({ by, chance, honest }: Scene, work: (target: Target) => Promise<void>) {
  const { groups } = by
  const known = chance.whole(ELSEWHERE_ONE_IN) === 0 ? groups.all() : groups.present()
  const group = chance.pick(known.filter(({ held }) => held.state.settings))
  if (!group) throw new Skipped()
  await work({ group, members: groups.members(group).filter(({ handle }) => honest.includes(handle)) })
}

/** One of them; Skipped where there is none. */
export function pick<T>({ chance }: Pick<Scene, 'chance'>, from: readonly T[]): T {
  const one = chance.pick(from)
  if (one === undefined) throw new Skipped()
  return one
}

/** The answers of a server that did not take it. */
export function expectRefused(what: string, outcomes: readonly Outcome[]): void {
  if (outcomes.includes('accepted')) throw new Hole(`the server took ${what}`)
}

export const repeated = <T>(times: number, make: () => T): T[] => Array.from({ length: times }, make)
