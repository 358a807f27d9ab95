// Keys of the server's own, each drawn when the database is used for the first time and kept in it. Secret.

import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { KEY_BYTES } from '../../../../protocol/sizes.js'
import { CURSOR_KEY_BYTES } from '../../cursor.js'
import { prepare } from './database.js'

/** The key that seals cursors. */
export const cursorKeyOf = (db: DatabaseSync): Uint8Array => drawn(db, 'cursor_key', CURSOR_KEY_BYTES)

/** The key that signs what the directory says: Ed25519. */
export const directoryKeyOf = (db: DatabaseSync): Uint8Array => drawn(db, 'directory_key', KEY_BYTES)

function drawn(db: DatabaseSync, table: 'cursor_key' | 'directory_key', length: number): Uint8Array {
  prepare(db, `INSERT INTO ${table} VALUES (1, ?) ON CONFLICT DO NOTHING`).run(randomBytes(length))
  const row = prepare<{ key: Uint8Array }>(db, `SELECT key FROM ${table}`).get()
  if (!row) throw new Error(`the key in ${table} was not kept`)
  return row.key
}
