import type { DatabaseSync } from 'node:sqlite'
import { REVOKED_BEFOREHAND } from '../../account-rules.js'
import type { DeviceId, DeviceRecord } from '../../store.js'
import { prepare } from '../database/database.js'
import type { StoreParts } from '../database/parts.js'
import type { StateCache } from '../database/state.js'

const statements = (db: DatabaseSync) => ({
  account: prepare<{ key: number }>(db, 'SELECT key FROM accounts WHERE handle = ? AND account_key = ?'),
  countRevocations: prepare<{ count: number }>(
    db,
    'SELECT count(*) AS count FROM revocations WHERE account = ?',
  ),
  insert: prepare(db, 'INSERT INTO revocations VALUES (?, ?) ON CONFLICT DO NOTHING'),
  device: prepare<{ key: number }>(db, 'SELECT key FROM devices WHERE id = ? AND account = ?'),
  mark: prepare(db, 'UPDATE progress SET revoked = 1 WHERE device = ? AND revoked = 0'),
  dropLastResort: prepare(db, 'UPDATE devices SET last_resort = NULL WHERE key = ?'),
  dropKeyPackages: prepare(db, 'DELETE FROM key_packages WHERE device = ?'),
})

/** Revokes devices, within the writer's transactions. */
export class Revoker {
  readonly #sql: ReturnType<typeof statements>
  readonly #state: StateCache

  constructor({ db, state }: Pick<StoreParts, 'db' | 'state'>) {
    this.#sql = statements(db)
    this.#state = state
  }

  /** An account that is not there has nothing to revoke. */
  revoke(
    { handle, accountKey }: Pick<DeviceRecord, 'handle' | 'accountKey'>,
    ids: readonly DeviceId[],
  ): DeviceId[] {
    const account = this.#sql.account.get(handle, accountKey)
    return account ? ids.filter(id => this.#revokeOne(account.key, id)) : []
  }

  /** Whether the device was registered and not revoked until now. */
  #revokeOne(account: number, id: DeviceId): boolean {
    const device = this.#sql.device.get(id, account)
    const hasRoom = (this.#sql.countRevocations.get(account)?.count ?? 0) < REVOKED_BEFOREHAND
    if (device || hasRoom) this.#sql.insert.run(account, id)
    if (!device || Number(this.#sql.mark.run(device.key).changes) === 0) return false
    this.#sql.dropLastResort.run(device.key)
    this.#sql.dropKeyPackages.run(device.key)
    this.#state.forgetDevice(id)
    return true
  }
}
