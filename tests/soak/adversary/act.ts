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
  /** A room has to be succeeded after it: without that it stays broken. */
  readonly breaksRooms?: true
  /** Throws Hole where the server takes what it must refuse. */
  run(scene: Scene): Promise<void>
}

/** Something was let through. */
export class Hole extends Error {}

/** A conversation that it was welcomed to, with its honest members. */
export interface Target {
  group: Group
  members: (Member & { handle: string })[]
}

/** Does it in one of its conversations, if it is in any. */
export async function inRoom({ by, chance, honest }: Scene, work: (target: Target) => Promise<void>) {
  const group = chance.pick(by.groups.all())
  if (!group) return
  await work({ group, members: by.groups.members(group).filter(({ handle }) => honest.includes(handle)) })
}

/** The answers of a server that did not take it. */
export function expectRefused(what: string, outcomes: readonly Outcome[]): void {
  if (outcomes.includes('accepted')) throw new Hole(`the server took ${what}`)
}

export const repeated = <T>(times: number, make: () => T): T[] => Array.from({ length: times }, make)
