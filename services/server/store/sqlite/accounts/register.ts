import type { DatabaseSync } from 'node:sqlite'
import { decideRegistration, type RegistrationFacts } from '../../account-rules.js'
import type { DeviceRecord, RegisterOutcome, RegisterTerms } from '../../store.js'
import { prepare } from '../database/database.js'
import type { StoreParts } from '../database/parts.js'

const statements = (db: DatabaseSync) => ({
  ban: prepare(db, 'SELECT 1 FROM bans WHERE handle = ? OR device_id = ?'),
  account: prepare<{ key: number; account_key: Uint8Array }>(
    db,
    'SELECT key, account_key FROM accounts WHERE handle = ?',
  ),
  handleOf: prepare<{ handle: string }>(
    db,
    'SELECT handle FROM devices JOIN accounts ON accounts.key = account WHERE id = ?',
  ),
  revocation: prepare(db, 'SELECT 1 FROM revocations WHERE account = ? AND device_id = ?'),
  countDevices: prepare<{ count: number }>(
    db,
    'SELECT count(*) AS count FROM devices JOIN progress ON device = key WHERE account = ? AND revoked = 0',
  ),
  invite: prepare(db, 'SELECT 1 FROM invites WHERE hash = ? AND until > ?'),
  useInvite: prepare(db, 'DELETE FROM invites WHERE hash = ?'),
  insertAccount: prepare(db, 'INSERT INTO accounts (handle, account_key) VALUES (?, ?)'),
  insertDevice: prepare(
    db,
    'INSERT INTO devices (id, certificate, account) VALUES (?, ?, (SELECT key FROM accounts WHERE handle = ?))',
  ),
  insertProgress: prepare(db, 'INSERT INTO progress (device) VALUES (?)'),
})

/** Registers devices, within the writer's transactions. */
export class Registrar {
  readonly #sql: ReturnType<typeof statements>
  readonly #parts: Pick<StoreParts, 'limits' | 'now'>

  constructor(parts: Pick<StoreParts, 'db' | 'limits' | 'now'>) {
    this.#sql = statements(parts.db)
    this.#parts = parts
  }

  register(device: DeviceRecord, terms: RegisterTerms): RegisterOutcome {
    const { handle, accountKey, deviceId, certificate } = device
    const outcome = decideRegistration(device, terms, this.#facts(device, terms))
    if (outcome !== 'registered' && outcome !== 'added') return outcome
    if (outcome === 'registered') {
      this.#sql.insertAccount.run(handle, accountKey)
      if (terms.newAccounts === 'invite' && terms.inviteHash) this.#sql.useInvite.run(terms.inviteHash)
    }
    const { lastInsertRowid } = this.#sql.insertDevice.run(deviceId, certificate, handle)
    this.#sql.insertProgress.run(lastInsertRowid)
    return outcome
  }

  #facts({ handle, deviceId }: DeviceRecord, { inviteHash }: RegisterTerms): RegistrationFacts {
    const { limits, now } = this.#parts
    const account = this.#sql.account.get(handle)
    const devices = account ? (this.#sql.countDevices.get(account.key)?.count ?? 0) : 0
    return {
      banned: this.#sql.ban.get(handle, deviceId) !== undefined,
      account: account && { accountKey: account.account_key, devices },
      registeredAs: this.#sql.handleOf.get(deviceId)?.handle,
      revoked: account !== undefined && this.#sql.revocation.get(account.key, deviceId) !== undefined,
      inviteHolds: inviteHash !== undefined && this.#sql.invite.get(inviteHash, now()) !== undefined,
      devicesPerAccount: limits.devicesPerAccount,
    }
  }
}
