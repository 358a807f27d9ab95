import type { DatabaseSync } from 'node:sqlite'
import { prepare } from '../database/database.js'

const statements = (db: DatabaseSync) => ({
  of: prepare<{ bytes: number }>(
    db,
    'SELECT bytes FROM usage WHERE account = (SELECT account FROM devices WHERE key = ?)',
  ),
  add: prepare(
    db,
    `INSERT INTO usage SELECT account, ? FROM devices WHERE key = ?
     ON CONFLICT (account) DO UPDATE SET bytes = bytes + excluded.bytes`,
  ),
})

/** The bytes of the log that each account takes up. A trigger gives back what is deleted: see schema.ts. */
export class Usage {
  readonly #sql: ReturnType<typeof statements>

  constructor(db: DatabaseSync) {
    this.#sql = statements(db)
  }

  /** Of the account of a device, which is named by its key. */
  of(device: number): number {
    return this.#sql.of.get(device)?.bytes ?? 0
  }

  add(device: number, bytes: number): void {
    if (bytes > 0) this.#sql.add.run(bytes, device)
  }
}
