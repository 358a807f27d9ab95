// The limit of the disk and SQLite, without gRPC: the same rows, in the store's own database.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase, prepare } from '../../services/server/store/sqlite/database/database.js'
import { random } from '../support/contract-device.js'
import { rate } from './measure.js'

export interface Inserts {
  insertsPerSecond: number
  /** How long each transaction took, in ms. */
  transactionMs: number[]
}

/** Inserts into the log for so long, with the store's settings. `perTransaction` is rounded. */
export async function rawInserts(options: {
  seconds: number
  perTransaction: number
  bytes: number
  /** The writer waits for this before each transaction; default: nothing. */
  pause?: () => Promise<unknown>
}): Promise<Inserts> {
  const { seconds, bytes, pause } = options
  const perTransaction = Math.max(1, Math.round(options.perTransaction))
  const folder = await mkdtemp(join(tmpdir(), 'parley-bench-'))
  const { db, close } = openDatabase(folder)
  const insert = prepare(db, 'INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const transactionMs: number[] = []
  const payload = random(bytes)
  let sequence = 0
  const transact = async () => {
    await pause?.()
    const begin = performance.now()
    db.exec('BEGIN IMMEDIATE')
    for (let count = 0; count < perTransaction; count++) {
      sequence += 1
      insert.run(sequence, sequence % 100, sequence, 1, sequence, Date.now(), 1, 0, payload)
    }
    db.exec('COMMIT')
    transactionMs.push(performance.now() - begin)
  }
  const transactions = await rate(seconds, transact)
  close()
  await rm(folder, { recursive: true, force: true })
  return { insertsPerSecond: transactions * perTransaction, transactionMs }
}
