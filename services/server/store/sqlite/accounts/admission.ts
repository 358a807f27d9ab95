import type { DatabaseSync } from 'node:sqlite'
import type { Admission, Ban, BanSubject } from '../../store.js'
import { prepare } from '../database/database.js'
import type { StoreParts } from '../database/parts.js'

/** About what one row writes. */
const ROW_BYTES = 128

interface BanRow {
  handle: string | null
  device_id: Uint8Array | null
  banned_at: number
}

const statements = (db: DatabaseSync) => ({
  forgetInvites: prepare(db, 'DELETE FROM invites WHERE until <= ?'),
  insertInvite: prepare(db, 'INSERT INTO invites VALUES (?, ?)'),
  insertBan: prepare(
    db,
    'INSERT INTO bans (handle, device_id, banned_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  ),
  deleteBan: prepare(db, 'DELETE FROM bans WHERE handle = ? OR device_id = ?'),
  bans: prepare<BanRow>(db, 'SELECT handle, device_id, banned_at FROM bans ORDER BY key'),
  devicesOf: prepare<{ id: Uint8Array }>(
    db,
    'SELECT id FROM devices JOIN accounts ON accounts.key = account WHERE handle = ?',
  ),
})

export class SqliteAdmission implements Admission {
  readonly #sql: ReturnType<typeof statements>
  readonly #parts: Pick<StoreParts, 'state' | 'writer' | 'now'>

  constructor(parts: StoreParts) {
    this.#sql = statements(parts.db)
    this.#parts = parts
  }

  addInvite(hash: Uint8Array, until: number): Promise<void> {
    return this.#write(() => {
      this.#sql.forgetInvites.run(this.#parts.now())
      this.#sql.insertInvite.run(hash, until)
    })
  }

  ban(subject: BanSubject): Promise<void> {
    return this.#write(() => {
      this.#sql.insertBan.run(...columnsOf(subject), this.#parts.now())
      this.#forget(subject)
    })
  }

  unban(subject: BanSubject): Promise<boolean> {
    return this.#write(() => {
      this.#forget(subject)
      return Number(this.#sql.deleteBan.run(...columnsOf(subject)).changes) === 1
    })
  }

  async bans(): Promise<Ban[]> {
    return this.#sql.bans.all().map(banOf)
  }

  #write<T>(work: () => T): Promise<T> {
    return this.#parts.writer.run({ bytes: ROW_BYTES, work })
  }

  /** The facts in memory of the devices that a ban is about are not true any more. */
  #forget(subject: BanSubject): void {
    const ids =
      'handle' in subject ? this.#sql.devicesOf.all(subject.handle).map(({ id }) => id) : [subject.deviceId]
    for (const id of ids) this.#parts.state.forgetDevice(id)
  }
}

/** Handle and device id, one of them null. */
function columnsOf(subject: BanSubject): [string | null, Uint8Array | null] {
  return 'handle' in subject ? [subject.handle, null] : [null, subject.deviceId]
}

function banOf({ handle, device_id: deviceId, banned_at: bannedAt }: BanRow): Ban {
  if (handle !== null) return { handle, bannedAt }
  if (deviceId !== null) return { deviceId, bannedAt }
  throw new Error('a ban names nobody')
}
