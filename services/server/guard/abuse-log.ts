// Tells the operator who was held back, how often and from what: a line a minute for each of them, and counts since the
// start. It names devices and accounts by their fingerprints and strangers by their addresses, and nothing that they say.

import type { Logger } from 'pino'

/** The kinds of things that somebody is held back from. */
export type AbuseKind =
  | 'connections'
  | 'calls'
  | 'silent-calls'
  | 'registrations'
  | 'lookups'
  | 'claims'
  | 'claims-of-one'
  | 'sends'
  | 'conversations'
  | 'storage'

/** An address, or the fingerprint of an account's or a device's key. */
type AbuseSubject = { address: string } | { account: string } | { device: string }

export interface AbuseCount {
  kind: AbuseKind
  /** Since the start. */
  count: number
  /** Milliseconds since 1970. */
  lastAt: number
  /** The last subject: `address 192.0.2.1`. */
  last: string
}

export interface AbuseLogOptions {
  log: Pick<Logger, 'warn'>
  /** Milliseconds since 1970. */
  now: () => number
}

/** Held back since the last line about the same kind and subject. */
interface Pending {
  kind: AbuseKind
  subject: AbuseSubject
  count: number
  /** When it was told last, in ms since 1970. */
  toldAt: number
}

const LINE_EVERY_MS = 60_000
/** Subjects that are counted by themselves at one time; those beyond are in the counts only. */
const SUBJECTS = 1_000

export class AbuseLog {
  readonly #options: AbuseLogOptions
  readonly #pending = new Map<string, Pending>()
  readonly #counts = new Map<AbuseKind, AbuseCount>()

  constructor(options: AbuseLogOptions) {
    this.#options = options
  }

  /** The first of a kind and subject is told at once, those that follow within a minute in one line after it. */
  note(kind: AbuseKind, subject: AbuseSubject, count = 1): void {
    const name = nameOf(subject)
    const total = this.#counts.get(kind)?.count ?? 0
    this.#counts.set(kind, { kind, count: total + count, lastAt: this.#options.now(), last: name })
    const key = `${kind} ${name}`
    const pending = this.#pending.get(key)
    if (pending) {
      pending.count += count
      return
    }
    if (this.#pending.size >= SUBJECTS) return
    const first = { kind, subject, count, toldAt: 0 }
    this.#pending.set(key, first)
    this.#tell(first)
  }

  /** To be called regularly: tells what has gathered, and forgets those who were quiet for a minute. */
  sweep(): void {
    const due = this.#options.now() - LINE_EVERY_MS
    for (const [key, pending] of this.#pending) {
      if (pending.toldAt > due) continue
      if (pending.count > 0) this.#tell(pending)
      else this.#pending.delete(key)
    }
  }

  /** The most frequent first. */
  counts(): AbuseCount[] {
    return [...this.#counts.values()].sort((one, other) => other.count - one.count)
  }

  #tell(pending: Pending): void {
    const { kind, subject, count } = pending
    this.#options.log.warn({ kind, ...subject, count }, 'somebody was held back')
    pending.count = 0
    pending.toldAt = this.#options.now()
  }
}

function nameOf(subject: AbuseSubject): string {
  const [[what, name]] = Object.entries(subject) as [[string, string]]
  return `${what} ${name}`
}
