import type { DatabaseSync } from 'node:sqlite'
import type { DeviceId, DeviceRecord, Directory, RegisterOutcome } from '../store.js'
import { prepare } from './database.js'
import { createKeyPackages } from './key-packages.js'
import type { StoreLimits } from './rules.js'
import type { State } from './state.js'
import type { Writer } from './writer.js'

/** About what these write beside what they are given. */
const ROW_BYTES = 256
/** Nonces that are forgotten with each that is spent: more than one, so that the old ones get fewer. */
const FORGOTTEN_NONCES = 8

interface AccountRow {
  key: number
  account_key: Uint8Array
}

interface DeviceRow {
  account: number
  handle: string
  account_key: Uint8Array
  certificate: Uint8Array
}

export function createDirectory(options: {
  db: DatabaseSync
  state: State
  limits: StoreLimits
  now: () => number
  writer: Writer
}): Directory {
  const { db, state, limits, now, writer } = options
  const register = createRegister(db, limits)
  const keyPackages = createKeyPackages(db)
  const spendNonce = createNonces(db, now)
  const selectDevice = prepare<DeviceRow>(
    db,
    `SELECT account, handle, account_key, certificate
     FROM devices JOIN accounts ON accounts.key = account WHERE id = ?`,
  )
  const selectAccount = prepare<{ key: number }>(db, 'SELECT key FROM accounts WHERE handle = ?')

  return {
    register: device =>
      writer.run({ bytes: device.certificate.length + ROW_BYTES, work: () => register(device) }),
    device: async id => {
      const row = selectDevice.get(id)
      if (!row) return undefined
      const { handle, account_key: accountKey, certificate } = row
      return { handle, accountKey, deviceId: id.slice(), certificate }
    },
    spendNonce: (id, nonce, until) =>
      writer.run({ bytes: ROW_BYTES, work: () => spendNonce(id, nonce, until) }),
    publish: (id, packages) => {
      const bytes = packages.oneTime.reduce((sum, one) => sum + one.length + ROW_BYTES, ROW_BYTES)
      const work = () => keyPackages.publish(knownKey(state, id), packages, limits.keyPackagesPerDevice)
      return writer.run({ bytes: bytes + (packages.lastResort?.length ?? 0), work })
    },
    keyPackages: async id => {
      const device = state.device(id)
      return device ? keyPackages.count(device.key) : { left: 0, hasLastResort: false }
    },
    claim: (handle, except) => {
      const work = () => {
        const account = selectAccount.get(handle)
        return account && keyPackages.claim(account.key, except)
      }
      return writer.run({ bytes: ROW_BYTES, work })
    },
  }
}

function knownKey(state: State, id: DeviceId): number {
  const device = state.device(id)
  if (!device) throw new Error('a device has to be registered before it publishes key packages')
  return device.key
}

function createRegister(db: DatabaseSync, limits: StoreLimits): (device: DeviceRecord) => RegisterOutcome {
  const selectAccount = prepare<AccountRow>(db, 'SELECT key, account_key FROM accounts WHERE handle = ?')
  const selectAccountOf = prepare<{ account: number }>(db, 'SELECT account FROM devices WHERE id = ?')
  const countDevices = prepare<{ count: number }>(
    db,
    'SELECT count(*) AS count FROM devices WHERE account = ?',
  )
  const insertAccount = prepare(db, 'INSERT INTO accounts (handle, account_key) VALUES (?, ?)')
  const insertDevice = prepare(db, 'INSERT INTO devices (id, account, certificate) VALUES (?, ?, ?)')
  const insertProgress = prepare(db, 'INSERT INTO progress (device) VALUES (?)')

  return ({ handle, accountKey, deviceId, certificate }) => {
    const account = selectAccount.get(handle)
    if (account && Buffer.compare(account.account_key, accountKey) !== 0) return 'handle-taken'
    const known = selectAccountOf.get(deviceId)
    // A device stays with the handle that it came with: to it, every other handle is another's.
    if (known) return known.account === account?.key ? 'registered' : 'handle-taken'
    if (account && (countDevices.get(account.key)?.count ?? 0) >= limits.devicesPerAccount) {
      return 'too-many-devices'
    }
    const key = account?.key ?? Number(insertAccount.run(handle, accountKey).lastInsertRowid)
    const device = Number(insertDevice.run(deviceId, key, certificate).lastInsertRowid)
    insertProgress.run(device)
    return 'registered'
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
