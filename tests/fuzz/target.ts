// A target: something that takes input from outside, with valid input to change, and what must hold whatever comes.

import type { Chance } from '../support/chance.js'

export interface Target {
  readonly name: string
  /** A campaign gives this target so many parts of its inputs. */
  readonly share: number
  /** Makes what the target needs. */
  open(): Promise<OpenTarget>
}

export interface OpenTarget {
  /** Makes one input and puts it in. Throws where something does not hold; what it refuses in its way is not thrown. */
  run(chance: Chance): Promise<void> | void
  /** Throws where something does not hold any more: called now and then, and at the end. */
  check?(): Promise<void> | void
  close?(): Promise<void> | void
}

/** Takes the errors that a parser promises, and no others. */
export function refusing(promised: readonly (new (...of: never[]) => Error)[], parse: () => unknown): void {
  try {
    parse()
  } catch (error) {
    if (!promised.some(kind => error instanceof kind)) throw error
  }
}
