// Group commit: everything that came meanwhile is written in one transaction and one disk sync.

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { StorageFullError } from '../../store.js'
import { isBusy, isFull } from './failures.js'

/** One transaction takes so much at most; the rest waits for the next, so that others get their turn. */
const TRANSACTION_WRITES = 1_024
const TRANSACTION_BYTES = 8 * 1024 * 1024

interface Write<T> {
  /** About how many bytes it writes. */
  bytes: number
  /** Reads, decides and writes, synchronously; what it returns is handed on after the commit. */
  work(): T
  /** The answer when there is no room; without it the promise rejects with StorageFullError. */
  whenFull?(): T
}

/** Told of every transaction's end, before any promise of it resolves. */
export interface TransactionEnd {
  committed(): void
  /** The receiver forgets everything that it derived from the transaction's writes. */
  rolledBack(): void
}

interface Queued {
  bytes: number
  /** Does the work, and returns how to answer once it is durable. */
  perform(): () => void
  full(error: unknown): void
  fail(error: unknown): void
}

export class Writer {
  readonly #db: DatabaseSync
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  readonly #end: TransactionEnd
  #queue: Queued[] = []
  #isScheduled = false
  #isClosed = false
  #drained: (() => void) | undefined

  constructor(db: DatabaseSync, end: TransactionEnd) {
    this.#db = db
    this.#begin = db.prepare('BEGIN IMMEDIATE')
    this.#commit = db.prepare('COMMIT')
    this.#end = end
  }

  /** Resolves when the write is on disk. The queue's bound is its callers': each waits for its answer. */
  run<T>(write: Write<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw new Error('the store is closed')
      this.#queue.push(queued(write, resolve, reject))
      this.#schedule()
    })
  }

  /** Resolves when all that was queued is written; later writes are refused. */
  close(): Promise<void> {
    this.#isClosed = true
    return new Promise(resolve => {
      if (!this.#isScheduled) resolve()
      else this.#drained = resolve
    })
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#writeNext())
  }

  #writeNext(): void {
    this.#isScheduled = false
    this.#transact(this.#takeBatch())
    if (this.#queue.length > 0) this.#schedule()
    else this.#drained?.()
  }

  #takeBatch(): Queued[] {
    let count = 0
    let bytes = 0
    while (count < this.#queue.length && count < TRANSACTION_WRITES) {
      bytes += this.#queue[count]!.bytes
      if (count > 0 && bytes > TRANSACTION_BYTES) break
      count += 1
    }
    const batch = this.#queue.slice(0, count)
    this.#queue = this.#queue.slice(count)
    return batch
  }

  #transact(batch: readonly Queued[]): void {
    let answers: (() => void)[]
    try {
      this.#begin.run()
      answers = batch.map(write => write.perform())
      this.#commit.run()
    } catch (error) {
      this.#undo()
      this.#refuse(batch, error)
      return
    }
    this.#end.committed()
    for (const answer of answers) answer()
  }

  #undo(): void {
    // SQLite has ended the transaction by itself after some failures.
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
    this.#end.rolledBack()
  }

  /** A defect in one write must not undo its neighbours: they are tried again, each by itself. */
  #refuse(batch: readonly Queued[], error: unknown): void {
    if (isFull(error)) for (const write of batch) write.full(error)
    else if (batch.length === 1 || isBusy(error)) for (const write of batch) write.fail(error)
    else for (const write of batch) this.#transact([write])
  }
}

function queued<T>(write: Write<T>, resolve: (value: T) => void, reject: (error: unknown) => void): Queued {
  return {
    bytes: write.bytes,
    perform: () => {
      const value = write.work()
      return () => resolve(value)
    },
    full: cause => {
      if (write.whenFull) resolve(write.whenFull())
      else reject(new StorageFullError('there is no room left to write', { cause }))
    },
    fail: reject,
  }
}
