// Key packages, unopened. One that was claimed or is too old leaves its hash behind, so that it is not taken
// in again.

import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { REMEMBERED_CLAIMS } from '../../account-rules.js'
import type { StoreLimits } from '../../rules.js'
import type { ClaimedKeyPackage, DeviceId, KeyPackages } from '../../store.js'
import { prepare } from '../database.js'
import type { State } from '../state.js'
import type { Writer } from '../writer.js'

/** About what is written for a key package beside itself. */
const ROW_BYTES = 256
/** Key packages that one transaction deletes at most, so that others get their turn. */
const STEP_PACKAGES = 250

interface Published {
  oneTime: readonly Uint8Array[]
  lastResort?: Uint8Array
}

export interface KeyPackagesOptions {
  db: DatabaseSync
  state: State
  limits: StoreLimits
  now: () => number
  writer: Writer
}

export function createKeyPackages(options: KeyPackagesOptions): KeyPackages {
  const { db, state, writer } = options
  const count = createCount(db)
  const publish = createPublish(options, count)
  const claim = createClaim(db)
  const expire = createExpiry(db)
  return {
    publish: (id, packages) => {
      const bytes = packages.oneTime.reduce((sum, one) => sum + one.length + ROW_BYTES, ROW_BYTES)
      const work = () => publish(id, packages)
      return writer.run({ bytes: bytes + (packages.lastResort?.length ?? 0), work })
    },
    count: async id => {
      const device = state.device(id)
      return device ? count(device.key) : { left: 0, hasLastResort: false }
    },
    claim: (handle, except) => writer.run({ bytes: ROW_BYTES, work: () => claim(handle, except) }),
    expire: async publishedBefore => {
      let deleted = 0
      for (let last = STEP_PACKAGES; last === STEP_PACKAGES; deleted += last) {
        const work = () => expire(publishedBefore)
        last = await writer.run({ bytes: STEP_PACKAGES * ROW_BYTES, work })
      }
      return deleted
    },
  }
}

interface ClaimRow {
  key: number
  certificate: Uint8Array
  last_resort: Uint8Array | null
}

type Count = (device: number) => { left: number; hasLastResort: boolean }

function createCount(db: DatabaseSync): Count {
  const select = prepare<{ left: number; has_last_resort: number }>(
    db,
    `SELECT last_resort IS NOT NULL AS has_last_resort,
       (SELECT count(*) FROM key_packages WHERE device = devices.key AND package IS NOT NULL) AS left
     FROM devices WHERE key = ?`,
  )
  return device => {
    const row = select.get(device)
    return { left: row?.left ?? 0, hasLastResort: row?.has_last_resort === 1 }
  }
}

function createPublish(
  { db, state, limits, now }: KeyPackagesOptions,
  count: Count,
): (id: DeviceId, packages: Published) => void {
  const insert = prepare(
    db,
    `INSERT INTO key_packages (device, hash, package, published_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (device, hash) DO NOTHING`,
  )
  const setLastResort = prepare(db, 'UPDATE devices SET last_resort = ? WHERE key = ?')
  const forgetOldest = prepare(
    db,
    `DELETE FROM key_packages WHERE device = :device AND package IS NULL AND key <=
       (SELECT key FROM key_packages WHERE device = :device AND package IS NULL
        ORDER BY key DESC LIMIT 1 OFFSET :kept)`,
  )
  return (id, { oneTime, lastResort }) => {
    const device = state.device(id)
    if (!device) throw new Error('a device has to be registered before it publishes key packages')
    if (device.blocked === 'revoked') return
    let room = limits.keyPackagesPerDevice - count(device.key).left
    for (const keyPackage of oneTime) {
      if (room <= 0) break
      const hash = createHash('sha256').update(keyPackage).digest()
      room -= Number(insert.run(device.key, hash, keyPackage, now()).changes)
    }
    if (lastResort) setLastResort.run(lastResort, device.key)
    forgetOldest.run({ device: device.key, kept: REMEMBERED_CLAIMS })
  }
}

interface ClaimRow {
  key: number
  certificate: Uint8Array
  last_resort: Uint8Array | null
}

function createClaim(
  db: DatabaseSync,
): (handle: string, except: DeviceId) => ClaimedKeyPackage[] | undefined {
  const selectAccount = prepare<{ key: number }>(db, 'SELECT key FROM accounts WHERE handle = ?')
  const selectDevices = prepare<ClaimRow>(
    db,
    `SELECT key, certificate, last_resort FROM devices JOIN progress ON device = key
     WHERE account = ? AND id <> ? AND revoked = 0 ORDER BY key`,
  )
  const selectOldest = prepare<{ key: number; package: Uint8Array }>(
    db,
    'SELECT key, package FROM key_packages WHERE device = ? AND package IS NOT NULL ORDER BY key LIMIT 1',
  )
  const markClaimed = prepare(db, 'UPDATE key_packages SET package = NULL WHERE key = ?')

  function claimOf({ key, certificate, last_resort: lastResort }: ClaimRow): ClaimedKeyPackage {
    const oldest = selectOldest.get(key)
    if (!oldest) return { certificate, keyPackage: lastResort ?? undefined, lastResort: lastResort !== null }
    markClaimed.run(oldest.key)
    return { certificate, keyPackage: oldest.package, lastResort: false }
  }

  return (handle, except) => {
    const account = selectAccount.get(handle)
    return account && selectDevices.all(account.key, except).map(claimOf)
  }
}

/** Deletes some of the old ones within a transaction, and returns how many. */
function createExpiry(db: DatabaseSync): (publishedBefore: number) => number {
  const drop = prepare(
    db,
    `UPDATE key_packages SET package = NULL WHERE key IN
       (SELECT key FROM key_packages WHERE package IS NOT NULL AND published_at < ? LIMIT ${STEP_PACKAGES})`,
  )
  return publishedBefore => Number(drop.run(publishedBefore).changes)
}
