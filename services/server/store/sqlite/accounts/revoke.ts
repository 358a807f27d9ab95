import type { DatabaseSync } from 'node:sqlite'
import { REVOKED_BEFOREHAND } from '../../account-rules.js'
import type { DeviceId, DeviceRecord } from '../../store.js'
import { prepare } from '../database.js'
import type { State } from '../state.js'

type Account = Pick<DeviceRecord, 'handle' | 'accountKey'>

/** Revokes within a transaction. An account that is not there has nothing to revoke. */
export type Revoke = (account: Account, ids: readonly DeviceId[]) => DeviceId[]

export function createRevoke(db: DatabaseSync, state: State): Revoke {
  const selectAccount = prepare<{ key: number }>(
    db,
    'SELECT key FROM accounts WHERE handle = ? AND account_key = ?',
  )
  const countRevocations = prepare<{ count: number }>(
    db,
    'SELECT count(*) AS count FROM revocations WHERE account = ?',
  )
  const insert = prepare(db, 'INSERT INTO revocations VALUES (?, ?) ON CONFLICT DO NOTHING')
  const selectDevice = prepare<{ key: number }>(db, 'SELECT key FROM devices WHERE id = ? AND account = ?')
  const mark = prepare(db, 'UPDATE progress SET revoked = 1 WHERE device = ? AND revoked = 0')
  const dropLastResort = prepare(db, 'UPDATE devices SET last_resort = NULL WHERE key = ?')
  const dropKeyPackages = prepare(db, 'DELETE FROM key_packages WHERE device = ?')

  /** Whether the device was registered and not revoked until now. */
  function revokeOne(account: number, id: DeviceId): boolean {
    const device = selectDevice.get(id, account)
    const room = (countRevocations.get(account)?.count ?? 0) < REVOKED_BEFOREHAND
    if (device || room) insert.run(account, id)
    if (!device || Number(mark.run(device.key).changes) === 0) return false
    dropLastResort.run(device.key)
    dropKeyPackages.run(device.key)
    state.forgetDevice(id)
    return true
  }

  return ({ handle, accountKey }, ids) => {
    const account = selectAccount.get(handle, accountKey)
    return account ? ids.filter(id => revokeOne(account.key, id)) : []
  }
}
