// Who may register. Runs within the writer's transactions, so that of several who want the same handle or
// use the same invite exactly one gets it.

import type { DatabaseSync } from 'node:sqlite'
import type { DeviceRecord, RegisterOutcome, RegisterTerms } from '../store.js'
import { prepare } from './database.js'
import type { StoreLimits } from './rules.js'

interface AccountRow {
  key: number
  account_key: Uint8Array
}

export type Register = (device: DeviceRecord, terms: RegisterTerms) => RegisterOutcome

export function createRegister(
  db: DatabaseSync,
  { limits, now }: { limits: StoreLimits; now: () => number },
): Register {
  const selectBan = prepare(db, 'SELECT 1 FROM bans WHERE handle = ? OR device_id = ?')
  const selectAccount = prepare<AccountRow>(db, 'SELECT key, account_key FROM accounts WHERE handle = ?')
  const selectAccountOf = prepare<{ account: number }>(db, 'SELECT account FROM devices WHERE id = ?')
  const selectRevocation = prepare(db, 'SELECT 1 FROM revocations WHERE account = ? AND device_id = ?')
  const countDevices = prepare<{ count: number }>(
    db,
    `SELECT count(*) AS count FROM devices JOIN progress ON device = key WHERE account = ? AND revoked = 0`,
  )
  const useInvite = prepare(db, 'DELETE FROM invites WHERE hash = ? AND until > ?')
  const insertAccount = prepare(db, 'INSERT INTO accounts (handle, account_key) VALUES (?, ?)')
  const insertDevice = prepare(db, 'INSERT INTO devices (id, account, certificate) VALUES (?, ?, ?)')
  const insertProgress = prepare(db, 'INSERT INTO progress (device) VALUES (?)')

  /** What is known of the device already, or keeps it from joining the account. */
  function found(account: AccountRow | undefined, { deviceId }: DeviceRecord): RegisterOutcome | undefined {
    const known = selectAccountOf.get(deviceId)
    if (account && selectRevocation.get(account.key, deviceId)) return 'revoked'
    // A device stays with the handle that it came with: to it, every other handle is another's.
    if (known) return known.account === account?.key ? 'known' : 'handle-taken'
    const count = account ? (countDevices.get(account.key)?.count ?? 0) : 0
    return count >= limits.devicesPerAccount ? 'too-many-devices' : undefined
  }

  /** Whether a new account is let in. Nothing may fail after it: it uses the invite up. */
  function admit({ newAccounts, inviteHash }: RegisterTerms): RegisterOutcome | undefined {
    if (newAccounts === 'open') return undefined
    if (newAccounts === 'closed') return 'registration-closed'
    if (inviteHash === undefined) return 'invite-needed'
    return Number(useInvite.run(inviteHash, now()).changes) === 1 ? undefined : 'invite-invalid'
  }

  return (device, terms) => {
    const { handle, accountKey, deviceId, certificate } = device
    if (selectBan.get(handle, deviceId)) return 'banned'
    const account = selectAccount.get(handle)
    if (account && Buffer.compare(account.account_key, accountKey) !== 0) return 'handle-taken'
    const outcome = found(account, device) ?? (account ? undefined : admit(terms))
    if (outcome) return outcome
    const key = account?.key ?? Number(insertAccount.run(handle, accountKey).lastInsertRowid)
    insertProgress.run(Number(insertDevice.run(deviceId, key, certificate).lastInsertRowid))
    return account ? 'added' : 'registered'
  }
}
