import type { DatabaseSync } from 'node:sqlite'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { AccountDevicesSchema } from '../../../../../gen/parley/v1/identity_pb.js'
import { bytesKey } from '../../../bytes.js'
import { decideChange, devicesOf, isSameRecord, type RegistrationFacts } from '../../account-rules.js'
import type { AccountChange, AccountRecord, ChangeOutcome, DeviceId, RegisterTerms } from '../../store.js'
import { prepare } from '../database/database.js'
import type { StoreParts } from '../database/parts.js'

interface AccountRow {
  account_key: Uint8Array
  devices: Uint8Array
}

const statements = (db: DatabaseSync) => ({
  ban: prepare(db, 'SELECT 1 FROM bans WHERE handle = ? OR device_id = ?'),
  account: prepare<AccountRow>(db, 'SELECT account_key, devices FROM accounts WHERE handle = ?'),
  handleOfKey: prepare<{ handle: string }>(db, 'SELECT handle FROM accounts WHERE account_key = ?'),
  handleOf: prepare<{ handle: string }>(
    db,
    'SELECT handle FROM devices JOIN accounts ON accounts.key = account WHERE id = ?',
  ),
  invite: prepare(db, 'SELECT 1 FROM invites WHERE hash = ? AND until > ?'),
  useInvite: prepare(db, 'DELETE FROM invites WHERE hash = ?'),
  putAccount: prepare(
    db,
    `INSERT INTO accounts (handle, account_key, devices) VALUES (?, ?, ?)
     ON CONFLICT (handle) DO UPDATE SET devices = excluded.devices`,
  ),
  insertDevice: prepare(
    db,
    'INSERT INTO devices (id, account) VALUES (?, (SELECT key FROM accounts WHERE handle = ?))',
  ),
  insertProgress: prepare(db, 'INSERT INTO progress (device) VALUES (?)'),
  registered: prepare<{ key: number; id: Uint8Array; revoked: number }>(
    db,
    `SELECT devices.key AS key, id, revoked FROM devices JOIN progress ON device = devices.key
     JOIN accounts ON accounts.key = account WHERE handle = ? ORDER BY devices.key`,
  ),
  mark: prepare(db, 'UPDATE progress SET revoked = ? WHERE device = ?'),
  dropLastResorts: prepare(db, 'DELETE FROM last_resorts WHERE device = ?'),
  dropKeyPackages: prepare(db, 'DELETE FROM key_packages WHERE device = ?'),
})

/** Changes accounts and registers devices, within the writer's transactions. */
export class Registrar {
  readonly #sql: ReturnType<typeof statements>
  readonly #parts: Pick<StoreParts, 'limits' | 'now' | 'state'>

  constructor(parts: Pick<StoreParts, 'db' | 'limits' | 'now' | 'state'>) {
    this.#sql = statements(parts.db)
    this.#parts = parts
  }

  change(change: AccountChange, terms: RegisterTerms): ChangeOutcome {
    const { handle, accountKey, caller } = change
    const before = this.account(handle)
    const { outcome, account } = decideChange(change, terms, this.#facts(change, terms, before))
    if (!account) return { outcome, account: before, ended: [], isChanged: false }
    const isChanged = !before || !isSameRecord(before, account)
    if (isChanged) this.#sql.putAccount.run(handle, accountKey, encoded(account))
    if (outcome === 'registered' && terms.newAccounts === 'invite' && terms.inviteHash)
      this.#sql.useInvite.run(terms.inviteHash)
    if (outcome === 'registered' || outcome === 'added') {
      const { lastInsertRowid } = this.#sql.insertDevice.run(caller, handle)
      this.#sql.insertProgress.run(lastInsertRowid)
    }
    return { outcome, account, ended: isChanged ? this.#settle(account) : [], isChanged }
  }

  account(handle: string): AccountRecord | undefined {
    const row = this.#sql.account.get(handle)
    if (!row) return undefined
    const { deviceList, removals } = fromBinary(AccountDevicesSchema, row.devices)
    return { handle, accountKey: row.account_key, deviceList, removals }
  }

  accountOf(accountKey: Uint8Array): AccountRecord | undefined {
    const row = this.#sql.handleOfKey.get(accountKey)
    return row && this.account(row.handle)
  }

  /** Marks the registered devices as they are in use or not. Returns those that are not any more. */
  #settle(account: AccountRecord): DeviceId[] {
    const used = new Set(devicesOf(account).map(bytesKey))
    const ended: DeviceId[] = []
    for (const { key, id, revoked } of this.#sql.registered.all(account.handle)) {
      const isEnded = !used.has(bytesKey(id))
      if (isEnded === (revoked !== 0)) continue
      this.#sql.mark.run(isEnded ? 1 : 0, key)
      this.#parts.state.forgetDevice(id)
      if (!isEnded) continue
      ended.push(id)
      this.#sql.dropLastResorts.run(key)
      this.#sql.dropKeyPackages.run(key)
    }
    return ended
  }

  #facts(
    { handle, accountKey, caller }: AccountChange,
    { inviteHash }: RegisterTerms,
    account: AccountRecord | undefined,
  ): RegistrationFacts {
    const { limits, now } = this.#parts
    return {
      banned: this.#sql.ban.get(handle, caller) !== undefined,
      account,
      registeredAs: this.#sql.handleOf.get(caller)?.handle,
      accountAs: this.#sql.handleOfKey.get(accountKey)?.handle,
      inviteHolds: inviteHash !== undefined && this.#sql.invite.get(inviteHash, now()) !== undefined,
      devicesPerAccount: limits.devicesPerAccount,
      nowMs: now(),
    }
  }
}

const encoded = ({ deviceList, removals }: AccountRecord): Uint8Array =>
  toBinary(AccountDevicesSchema, create(AccountDevicesSchema, { deviceList, removals: [...removals] }))
