// Key packages, unopened. A claimed one leaves its hash behind, so that it is not taken in again.

import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { ClaimedKeyPackage, DeviceId } from '../store.js'
import { prepare } from './database.js'

/** Hashes of claimed key packages that are remembered for each device. */
const REMEMBERED_CLAIMS = 10_000

export interface Published {
  oneTime: readonly Uint8Array[]
  lastResort?: Uint8Array
}

export interface KeyPackages {
  publish(device: number, packages: Published, limit: number): void
  count(device: number): { left: number; hasLastResort: boolean }
  /** One of each device of the account but `except`. */
  claim(account: number, except: DeviceId): ClaimedKeyPackage[]
}

interface ClaimRow {
  key: number
  certificate: Uint8Array
  last_resort: Uint8Array | null
}

export function createKeyPackages(db: DatabaseSync): KeyPackages {
  const insert = prepare(
    db,
    'INSERT INTO key_packages (device, hash, package) VALUES (?, ?, ?) ON CONFLICT (device, hash) DO NOTHING',
  )
  const setLastResort = prepare(db, 'UPDATE devices SET last_resort = ? WHERE key = ?')
  const select = prepare<{ left: number; has_last_resort: number }>(
    db,
    `SELECT last_resort IS NOT NULL AS has_last_resort,
       (SELECT count(*) FROM key_packages WHERE device = devices.key AND package IS NOT NULL) AS left
     FROM devices WHERE key = ?`,
  )
  const forgetOldest = prepare(
    db,
    `DELETE FROM key_packages WHERE device = :device AND package IS NULL AND key <=
       (SELECT key FROM key_packages WHERE device = :device AND package IS NULL
        ORDER BY key DESC LIMIT 1 OFFSET :kept)`,
  )
  const selectDevices = prepare<ClaimRow>(
    db,
    'SELECT key, certificate, last_resort FROM devices WHERE account = ? AND id <> ? ORDER BY key',
  )
  const selectOldest = prepare<{ key: number; package: Uint8Array }>(
    db,
    'SELECT key, package FROM key_packages WHERE device = ? AND package IS NOT NULL ORDER BY key LIMIT 1',
  )
  const markClaimed = prepare(db, 'UPDATE key_packages SET package = NULL WHERE key = ?')

  function count(device: number): { left: number; hasLastResort: boolean } {
    const row = select.get(device)
    return { left: row?.left ?? 0, hasLastResort: row?.has_last_resort === 1 }
  }

  function claimOf({ key, certificate, last_resort: lastResort }: ClaimRow): ClaimedKeyPackage {
    const oldest = selectOldest.get(key)
    if (!oldest) return { certificate, keyPackage: lastResort ?? undefined, lastResort: lastResort !== null }
    markClaimed.run(oldest.key)
    return { certificate, keyPackage: oldest.package, lastResort: false }
  }

  return {
    publish: (device, { oneTime, lastResort }, limit) => {
      let room = limit - count(device).left
      for (const keyPackage of oneTime) {
        if (room <= 0) break
        const hash = createHash('sha256').update(keyPackage).digest()
        room -= Number(insert.run(device, hash, keyPackage).changes)
      }
      if (lastResort) setLastResort.run(lastResort, device)
      forgetOldest.run({ device, kept: REMEMBERED_CLAIMS })
    },
    count,
    claim: (account, except) => selectDevices.all(account, except).map(claimOf),
  }
}
