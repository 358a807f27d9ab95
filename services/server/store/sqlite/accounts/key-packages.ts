// Key packages, unopened. One that was claimed or is too old leaves its hash behind, so that it is not taken in
// again.

import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { REMEMBERED_CLAIMS } from '../../account-rules.js'
import type { ClaimedKeyPackage, ClaimTerms, DeviceId, KeyPackages, Publication } from '../../store.js'
import { prepare } from '../database/database.js'
import type { StoreParts } from '../database/parts.js'

/** About what is written for a key package beside itself. */
const ROW_BYTES = 256
/** Key packages that one transaction deletes at most, so that others get their turn. */
const STEP_PACKAGES = 250

interface ClaimRow {
  key: number
  id: Uint8Array
  last_resort: Uint8Array | null
}

const statements = (db: DatabaseSync) => ({
  count: prepare<{ left: number; has_last_resort: number }>(
    db,
    `SELECT last_resort IS NOT NULL AS has_last_resort,
       (SELECT count(*) FROM key_packages WHERE device = devices.key AND package IS NOT NULL) AS left
     FROM devices WHERE key = ?`,
  ),
  insert: prepare(
    db,
    `INSERT INTO key_packages (device, hash, package, published_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (device, hash) DO NOTHING`,
  ),
  setLastResort: prepare(db, 'UPDATE devices SET last_resort = ? WHERE key = ?'),
  forgetOldest: prepare(
    db,
    `DELETE FROM key_packages WHERE device = :device AND package IS NULL AND key <=
       (SELECT key FROM key_packages WHERE device = :device AND package IS NULL
        ORDER BY key DESC LIMIT 1 OFFSET :kept)`,
  ),
  account: prepare<{ key: number }>(db, 'SELECT key FROM accounts WHERE handle = ?'),
  devices: prepare<ClaimRow>(
    db,
    `SELECT key, id, last_resort FROM devices JOIN progress ON device = key
     WHERE account = ? AND id <> ? AND revoked = 0 ORDER BY key`,
  ),
  oldest: prepare<{ key: number; package: Uint8Array }>(
    db,
    'SELECT key, package FROM key_packages WHERE device = ? AND package IS NOT NULL ORDER BY key LIMIT 1',
  ),
  unclaimed: prepare<{ key: number; hash: Uint8Array }>(
    db,
    'SELECT key, hash FROM key_packages WHERE device = ? AND package IS NOT NULL',
  ),
  markClaimed: prepare(db, 'UPDATE key_packages SET package = NULL WHERE key = ?'),
  dropOld: prepare(
    db,
    `UPDATE key_packages SET package = NULL WHERE key IN
       (SELECT key FROM key_packages WHERE package IS NOT NULL AND published_at < ? LIMIT ${STEP_PACKAGES})`,
  ),
})

export class SqliteKeyPackages implements KeyPackages {
  readonly #sql: ReturnType<typeof statements>
  readonly #parts: StoreParts

  constructor(parts: StoreParts) {
    this.#sql = statements(parts.db)
    this.#parts = parts
  }

  publish(id: DeviceId, packages: Publication): Promise<void> {
    const { oneTime, lastResort } = packages
    const bytes = oneTime.reduce((sum, one) => sum + one.length + ROW_BYTES, ROW_BYTES)
    const work = () => this.#publish(id, packages)
    return this.#parts.writer.run({ bytes: bytes + (lastResort?.length ?? 0), work })
  }

  #publish(id: DeviceId, { oneTime, lastResort, replaces = false }: Publication): void {
    const { state, limits, now } = this.#parts
    const device = state.device(id)
    if (!device) throw new Error('a device has to be registered before it publishes key packages')
    if (device.blocked === 'revoked') return
    const hashed = oneTime.map(keyPackage => ({ hash: hashOf(keyPackage), keyPackage }))
    if (replaces) this.#dropOthers(device.key, new Set(hashed.map(({ hash }) => hash.toString('hex'))))
    let room = limits.keyPackagesPerDevice - this.#count(device.key).left
    for (const { hash, keyPackage } of hashed) {
      if (room <= 0) break
      room -= Number(this.#sql.insert.run(device.key, hash, keyPackage, now()).changes)
    }
    if (lastResort) this.#sql.setLastResort.run(lastResort, device.key)
    this.#sql.forgetOldest.run({ device: device.key, kept: REMEMBERED_CLAIMS })
  }

  /** `kept`: their hashes in hexadecimal. */
  #dropOthers(device: number, kept: ReadonlySet<string>): void {
    for (const { key, hash } of this.#sql.unclaimed.all(device))
      if (!kept.has(Buffer.from(hash).toString('hex'))) this.#sql.markClaimed.run(key)
  }

  async count(id: DeviceId): Promise<{ left: number; hasLastResort: boolean }> {
    const device = this.#parts.state.device(id)
    return device ? this.#count(device.key) : { left: 0, hasLastResort: false }
  }

  #count(device: number): { left: number; hasLastResort: boolean } {
    const row = this.#sql.count.get(device)
    return { left: row?.left ?? 0, hasLastResort: row?.has_last_resort === 1 }
  }

  claim(
    handle: string,
    { except, lastResortOnly = false }: ClaimTerms,
  ): Promise<ClaimedKeyPackage[] | undefined> {
    const work = () => {
      const account = this.#sql.account.get(handle)
      const rows = account && this.#sql.devices.all(account.key, except)
      return rows?.map(row => this.#claimOf(row, lastResortOnly))
    }
    return this.#parts.writer.run({ bytes: ROW_BYTES, work })
  }

  #claimOf(row: ClaimRow, lastResortOnly: boolean): ClaimedKeyPackage {
    const { key, id: deviceId, last_resort: lastResort } = row
    const oldest = lastResortOnly ? undefined : this.#sql.oldest.get(key)
    if (!oldest) return { deviceId, keyPackage: lastResort ?? undefined, lastResort: lastResort !== null }
    this.#sql.markClaimed.run(oldest.key)
    const { left } = this.#count(key)
    return { deviceId, keyPackage: oldest.package, lastResort: false, left }
  }

  async expire(publishedBefore: number): Promise<number> {
    let deleted = 0
    for (let last = STEP_PACKAGES; last === STEP_PACKAGES; deleted += last) {
      const work = () => Number(this.#sql.dropOld.run(publishedBefore).changes)
      last = await this.#parts.writer.run({ bytes: STEP_PACKAGES * ROW_BYTES, work })
    }
    return deleted
  }
}

const hashOf = (keyPackage: Uint8Array) => createHash('sha256').update(keyPackage).digest()
