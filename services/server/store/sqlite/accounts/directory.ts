import type { DatabaseSync } from 'node:sqlite'
import type {
  AccountChange,
  AccountRecord,
  ChangeOutcome,
  DeviceId,
  DeviceRecord,
  Directory,
  RegisteredDevice,
  RegisterTerms,
} from '../../store.js'
import { BLOCKED_SQL, type BlockedRow, blockedOf } from '../database/blocked.js'
import { prepare } from '../database/database.js'
import type { StoreParts } from '../database/parts.js'
import { Registrar } from './register.js'

/** About what these write beside what they are given. */
const ROW_BYTES = 256
/** Nonces that are forgotten with each that is spent: more than one, so that the old ones get fewer. */
const FORGOTTEN_NONCES = 8

interface DeviceRow extends BlockedRow {
  handle: string
  account_key: Uint8Array
}

const statements = (db: DatabaseSync) => ({
  device: prepare<DeviceRow>(
    db,
    `SELECT handle, account_key, ${BLOCKED_SQL}
     FROM devices JOIN accounts ON accounts.key = account JOIN progress ON device = devices.key WHERE id = ?`,
  ),
  account: prepare<{ key: number; account_key: Uint8Array }>(
    db,
    'SELECT key, account_key FROM accounts WHERE handle = ?',
  ),
  devices: prepare<{ id: Uint8Array }>(
    db,
    `SELECT id FROM devices JOIN progress ON device = key
     WHERE account = ? AND revoked = 0 ORDER BY key`,
  ),
  insertNonce: prepare(db, 'INSERT INTO nonces VALUES (?, ?, ?) ON CONFLICT (device_id, nonce) DO NOTHING'),
  forgetNonces: prepare(
    db,
    `DELETE FROM nonces WHERE (device_id, nonce) IN
       (SELECT device_id, nonce FROM nonces WHERE until < ? ORDER BY until LIMIT ?)`,
  ),
})

export class SqliteDirectory implements Directory {
  readonly #sql: ReturnType<typeof statements>
  readonly #parts: Pick<StoreParts, 'writer' | 'now'>
  readonly #registrar: Registrar

  constructor(parts: StoreParts) {
    this.#sql = statements(parts.db)
    this.#parts = parts
    this.#registrar = new Registrar(parts)
  }

  change(change: AccountChange, terms: RegisterTerms): Promise<ChangeOutcome> {
    const bytes = change.removals.reduce((sum, { encoded }) => sum + encoded.length, ROW_BYTES)
    const work = () => this.#registrar.change(change, terms)
    return this.#parts.writer.run({ bytes: bytes + (change.list?.encoded.length ?? 0), work })
  }

  async account(handle: string): Promise<AccountRecord | undefined> {
    return this.#registrar.account(handle)
  }

  async accountOf(accountKey: Uint8Array): Promise<AccountRecord | undefined> {
    return this.#registrar.accountOf(accountKey)
  }

  async device(id: DeviceId): Promise<RegisteredDevice | undefined> {
    const row = this.#sql.device.get(id)
    if (!row) return undefined
    const { handle, account_key: accountKey } = row
    return { handle, accountKey, deviceId: id.slice(), blocked: blockedOf(row) }
  }

  async devices(handle: string): Promise<DeviceRecord[] | undefined> {
    const account = this.#sql.account.get(handle)
    if (!account) return undefined
    const { key, account_key: accountKey } = account
    const rows = this.#sql.devices.all(key)
    return rows.map(({ id }) => ({ handle, accountKey, deviceId: id }))
  }

  spendNonce(id: DeviceId, nonce: Uint8Array, until: number): Promise<boolean> {
    const work = () => {
      this.#sql.forgetNonces.run(this.#parts.now(), FORGOTTEN_NONCES)
      return Number(this.#sql.insertNonce.run(id, nonce, until).changes) === 1
    }
    return this.#parts.writer.run({ bytes: ROW_BYTES, work })
  }
}
