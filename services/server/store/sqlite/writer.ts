// Group commit: everything that came meanwhile is written in one transaction and one disk sync.

import type { DatabaseSync } from 'node:sqlite'
import { StorageFullError } from '../store.js'
import { isBusy, isFull } from './result-codes.js'

/** What one transaction takes at most; the rest waits for the next, so that others get their turn. */
const TRANSACTION_WRITES = 1_024
const TRANSACTION_BYTES = 8 * 1024 * 1024

export interface Write<T> {
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
  /** Whatever was derived from the transaction's writes has to be forgotten. */
  rolledBack(): void
}

export interface Writer {
  /** Resolves when the write is on disk. The queue's bound is its callers': each waits for its answer. */
  run<T>(write: Write<T>): Promise<T>
  /** Resolves when all that was queued is written; later writes are refused. */
  close(): Promise<void>
}

interface Queued {
  bytes: number
  /** Does the work, and returns how to answer once it is durable. */
  perform(): () => void
  full(error: unknown): void
  fail(error: unknown): void
}

export function createWriter(db: DatabaseSync, end: TransactionEnd): Writer {
  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  let queue: Queued[] = []
  let scheduled = false
  let closed = false
  let drained: (() => void) | undefined

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    setImmediate(writeNext)
  }

  function writeNext(): void {
    scheduled = false
    const batch = takeBatch()
    transact(batch)
    if (queue.length > 0) schedule()
    else drained?.()
  }

  function takeBatch(): Queued[] {
    let count = 0
    let bytes = 0
    while (count < queue.length && count < TRANSACTION_WRITES) {
      bytes += queue[count]!.bytes
      if (count > 0 && bytes > TRANSACTION_BYTES) break
      count += 1
    }
    const batch = queue.slice(0, count)
    queue = queue.slice(count)
    return batch
  }

  function transact(batch: Queued[]): void {
    let answers: (() => void)[]
    try {
      begin.run()
      answers = batch.map(write => write.perform())
      commit.run()
    } catch (error) {
      undo()
      refuse(batch, error)
      return
    }
    end.committed()
    for (const answer of answers) answer()
  }

  function undo(): void {
    // SQLite has ended the transaction by itself after some failures.
    if (db.isTransaction) db.exec('ROLLBACK')
    end.rolledBack()
  }

  /** A defect in one write must not undo its neighbours: they are tried again, each by itself. */
  function refuse(batch: Queued[], error: unknown): void {
    if (isFull(error)) for (const write of batch) write.full(error)
    else if (batch.length === 1 || isBusy(error)) for (const write of batch) write.fail(error)
    else for (const write of batch) transact([write])
  }

  return {
    run: write =>
      new Promise((resolve, reject) => {
        if (closed) throw new Error('the store is closed')
        queue.push(queued(write, resolve, reject))
        schedule()
      }),
    close: () =>
      new Promise(resolve => {
        closed = true
        if (!scheduled) resolve()
        else drained = resolve
      }),
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
