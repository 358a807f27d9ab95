import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { CURSOR_KEY_BYTES } from '../../cursor.js'
import { prepare } from './database.js'

/** The key that seals cursors, drawn when the database is used for the first time and kept with the log. Secret. */
export function cursorKeyOf(db: DatabaseSync): Uint8Array {
  prepare(db, 'INSERT INTO cursor_key VALUES (1, ?) ON CONFLICT DO NOTHING').run(
    randomBytes(CURSOR_KEY_BYTES),
  )
  const row = prepare<{ key: Uint8Array }>(db, 'SELECT key FROM cursor_key').get()
  if (!row) throw new Error('the key of the cursors was not kept')
  return row.key
}
