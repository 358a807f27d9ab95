// Registers devices, within the writer's transactions.

import type { DatabaseSync } from 'node:sqlite'
import { decideRegistration, type RegistrationFacts } from '../../account-rules.js'
import type { StoreLimits } from '../../rules.js'
import type { DeviceRecord, RegisterOutcome, RegisterTerms } from '../../store.js'
import { prepare } from '../database.js'

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
  const selectHandleOf = prepare<{ handle: string }>(
    db,
    'SELECT handle FROM devices JOIN accounts ON accounts.key = account WHERE id = ?',
  )
  const selectRevocation = prepare(db, 'SELECT 1 FROM revocations WHERE account = ? AND device_id = ?')
  const countDevices = prepare<{ count: number }>(
    db,
    `SELECT count(*) AS count FROM devices JOIN progress ON device = key WHERE account = ? AND revoked = 0`,
  )
  const selectInvite = prepare(db, 'SELECT 1 FROM invites WHERE hash = ? AND until > ?')
  const useInvite = prepare(db, 'DELETE FROM invites WHERE hash = ?')
  const insertAccount = prepare(db, 'INSERT INTO accounts (handle, account_key) VALUES (?, ?)')
  const insertDevice = prepare(
    db,
    'INSERT INTO devices (id, certificate, account) VALUES (?, ?, (SELECT key FROM accounts WHERE handle = ?))',
  )
  const insertProgress = prepare(db, 'INSERT INTO progress (device) VALUES (?)')

  function factsOf({ handle, deviceId }: DeviceRecord, { inviteHash }: RegisterTerms): RegistrationFacts {
    const account = selectAccount.get(handle)
    return {
      banned: selectBan.get(handle, deviceId) !== undefined,
      account: account && {
        accountKey: account.account_key,
        devices: countDevices.get(account.key)?.count ?? 0,
      },
      registeredAs: selectHandleOf.get(deviceId)?.handle,
      revoked: account !== undefined && selectRevocation.get(account.key, deviceId) !== undefined,
      inviteHolds: inviteHash !== undefined && selectInvite.get(inviteHash, now()) !== undefined,
      devicesPerAccount: limits.devicesPerAccount,
    }
  }

  return (device, terms) => {
    const { handle, accountKey, deviceId, certificate } = device
    const outcome = decideRegistration(device, terms, factsOf(device, terms))
    if (outcome !== 'registered' && outcome !== 'added') return outcome
    if (outcome === 'registered') {
      insertAccount.run(handle, accountKey)
      if (terms.newAccounts === 'invite' && terms.inviteHash) useInvite.run(terms.inviteHash)
    }
    const { lastInsertRowid } = insertDevice.run(deviceId, certificate, handle)
    insertProgress.run(Number(lastInsertRowid))
    return outcome
  }
}
