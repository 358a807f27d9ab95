// The doctor's findings: what it looked at, what it found, and what it did.

import type { Deed, Found } from '../codes/finding.js'
import type { Transaction } from '../vault/records.js'

export const AREAS = ['connection', 'account', 'conversation', 'vault'] as const
export type Area = (typeof AREAS)[number]

/** 'note': good to know, and nothing is broken. 'problem': it does not work as it should until it is repaired. */
export type Verdict = 'well' | 'note' | 'problem'

export interface Finding {
  area: Area
  /** The subject of the check; with `peer` and `about` it names the finding in every examination. */
  check: string
  /** Of a conversation: what a person calls it by. */
  peer?: string
  /** Which of several of the kind. */
  about?: string
  verdict: Verdict
  found: Found
  /** The deed of `repair` about it; no other call has one. */
  did?: Deed
}

/** A finding, and what can be done about it. */
export interface Diagnosis {
  finding: Finding
  /** Runs in the queue, in the same turn as the look. Returns what it did. */
  mend?(tx: Transaction): Deed | Promise<Deed>
}

/** A date out of a record; undefined for 0. */
export const dateOf = (ms: bigint): Date | undefined => (ms > 0n ? new Date(Number(ms)) : undefined)
