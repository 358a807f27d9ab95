// What the doctor says: in one line each what it found, what it did, and what a person can do.

import type { Batch } from '../vault/records.js'

export const AREAS = ['connection', 'account', 'conversation', 'vault'] as const
export type Area = (typeof AREAS)[number]

/** 'note': good to know, and nothing is broken. 'problem': it does not work as it should until it is repaired. */
export type Verdict = 'well' | 'note' | 'problem'

export interface Finding {
  area: Area
  /** What was looked at; with `peer` and `about` it names the finding in every examination. */
  check: string
  /** Of a conversation: what a person calls it by. */
  peer?: string
  /** Which of several of the kind. */
  about?: string
  verdict: Verdict
  found: string
  /** What was done about it, by `repair` only. */
  did?: string
  /** What a person can do. */
  remedy?: string
}

/** A finding, and what can be done about it. */
export interface Diagnosis {
  finding: Finding
  /** Runs in the queue, in the same turn as the look. Returns what it did. */
  mend?(batch: Batch): string | Promise<string>
}

/** Milliseconds since 1970 as a person reads it. */
export function momentOf(ms: number | bigint): string {
  return `${new Date(Number(ms)).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** "1 text", "3 texts". */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
