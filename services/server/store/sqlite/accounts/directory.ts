import type { DatabaseSync } from 'node:sqlite'
import type { StoreLimits } from '../../rules.js'
import type { DeviceId, DeviceRecord, Directory, RegisteredDevice } from '../../store.js'
import { prepare } from '../database.js'
import type { State } from '../state.js'
import type { Writer } from '../writer.js'
import { BLOCKED_SQL, type BlockedRow, blockedOf } from './blocked.js'
import { createRegister } from './register.js'
import { createRevoke } from './revoke.js'

/** About what these write beside what they are given. */
const ROW_BYTES = 256
/** Nonces that are forgotten with each that is spent: more than one, so that the old ones get fewer. */
const FORGOTTEN_NONCES = 8

interface DeviceRow extends BlockedRow {
  handle: string
  account_key: Uint8Array
  certificate: Uint8Array
}

export interface DirectoryOptions {
  db: DatabaseSync
  state: State
  limits: StoreLimits
  now: () => number
  writer: Writer
}

export function createDirectory(options: DirectoryOptions): Directory {
  const { db, limits, now, writer } = options
  const register = createRegister(db, { limits, now })
  const revoke = createRevoke(db, options.state)
  const spendNonce = createNonces(db, now)
  const findDevice = createDeviceFinder(db)
  const findDevices = createAccountFinder(db)

  return {
    register: (device, terms) =>
      writer.run({ bytes: device.certificate.length + ROW_BYTES, work: () => register(device, terms) }),
    device: async id => findDevice(id),
    devices: async handle => findDevices(handle),
    revoke: (account, ids) => writer.run({ bytes: ids.length * ROW_BYTES, work: () => revoke(account, ids) }),
    spendNonce: (id, nonce, until) =>
      writer.run({ bytes: ROW_BYTES, work: () => spendNonce(id, nonce, until) }),
  }
}

function createDeviceFinder(db: DatabaseSync): (id: DeviceId) => RegisteredDevice | undefined {
  const select = prepare<DeviceRow>(
    db,
    `SELECT handle, account_key, certificate, ${BLOCKED_SQL}
     FROM devices JOIN accounts ON accounts.key = account JOIN progress ON device = devices.key WHERE id = ?`,
  )
  return id => {
    const row = select.get(id)
    if (!row) return undefined
    const { handle, account_key: accountKey, certificate } = row
    return { handle, accountKey, deviceId: id.slice(), certificate, blocked: blockedOf(row) }
  }
}

function createAccountFinder(db: DatabaseSync): (handle: string) => DeviceRecord[] | undefined {
  const selectAccount = prepare<{ key: number; account_key: Uint8Array }>(
    db,
    'SELECT key, account_key FROM accounts WHERE handle = ?',
  )
  const selectDevices = prepare<{ id: Uint8Array; certificate: Uint8Array }>(
    db,
    `SELECT id, certificate FROM devices JOIN progress ON device = key
     WHERE account = ? AND revoked = 0 ORDER BY key`,
  )
  return handle => {
    const account = selectAccount.get(handle)
    if (!account) return undefined
    const rows = selectDevices.all(account.key)
    return rows.map(row => ({
      handle,
      accountKey: account.account_key,
      deviceId: row.id,
      certificate: row.certificate,
    }))
  }
}

type SpendNonce = (id: DeviceId, nonce: Uint8Array, until: number) => boolean

function createNonces(db: DatabaseSync, now: () => number): SpendNonce {
  const insert = prepare(db, 'INSERT INTO nonces VALUES (?, ?, ?) ON CONFLICT (device_id, nonce) DO NOTHING')
  const forget = prepare(
    db,
    `DELETE FROM nonces WHERE (device_id, nonce) IN
       (SELECT device_id, nonce FROM nonces WHERE until < ? ORDER BY until LIMIT ?)`,
  )
  return (id, nonce, until) => {
    forget.run(now(), FORGOTTEN_NONCES)
    return Number(insert.run(id, nonce, until).changes) === 1
  }
}
