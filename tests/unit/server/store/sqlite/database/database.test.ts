import { DatabaseSync } from 'node:sqlite'
import { expect, test } from '@jest/globals'
import { openDatabase, prepare } from '../../../../../../services/server/store/sqlite/database/database.js'
import {
  isBusy,
  isDamaged,
  isFull,
} from '../../../../../../services/server/store/sqlite/database/failures.js'
import { withFolder } from '../../../../../support/folder.js'

/** PRAGMA synchronous (sqlite.org/pragma.html): at 1, NORMAL, a power cut takes the last commits back. */
const SYNCHRONOUS_FULL = 2

test('a commit is on the disk when it returns, and rows need what they refer to', () =>
  withFolder(async folder => {
    const { db, close } = openDatabase(folder)
    const setting = (name: string) => db.prepare(`PRAGMA ${name}`).get()?.[name]
    expect(setting('synchronous')).toBe(SYNCHRONOUS_FULL)
    expect(setting('journal_mode')).toBe('wal')
    expect(setting('foreign_keys')).toBe(1)
    close()
  }))

test('a database has no more pages than it may', () =>
  withFolder(async folder => {
    const { db, close } = openDatabase(folder, 300_000)
    const fill = prepare(db, 'INSERT INTO nonces VALUES (?, zeroblob(10000), 0)')
    let error: unknown
    for (let count = 0; count < 100 && error === undefined; count++)
      try {
        fill.run(Buffer.from(String(count)))
      } catch (thrown) {
        error = thrown
      }
    expect([isFull(error), isBusy(error), isDamaged(error)]).toEqual([true, false, false])
    close()
  }))

test('other errors are none of SQLite’s that we know', () => {
  const db = new DatabaseSync(':memory:')
  const errors: unknown[] = [new Error('no'), undefined, 'FULL', { errcode: '13' }]
  try {
    db.exec('SELECT nothing')
  } catch (error) {
    errors.push(error)
  }
  expect(errors).toHaveLength(5)
  for (const error of errors)
    expect([isFull(error), isBusy(error), isDamaged(error)]).toEqual([false, false, false])
  // 778 is SQLITE_IOERR_WRITE, 261 SQLITE_BUSY_RECOVERY, 267 SQLITE_CORRUPT_VTAB: extended codes.
  expect([isFull({ errcode: 778 }), isBusy({ errcode: 261 }), isDamaged({ errcode: 267 })]).toEqual([
    true,
    true,
    true,
  ])
})
