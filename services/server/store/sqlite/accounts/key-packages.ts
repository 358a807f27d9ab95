// Key packages, unopened. One that was claimed or is too old leaves its hash behind, so that it is not taken in
// again.

import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { LAST_RESORTS_PER_DEVICE, REMEMBERED_CLAIMS } from '../../account-rules.js'
import type { ClaimedKeyPackage, ClaimTerms, DeviceId, KeyPackages, Publication, Suite } from '../../store.js'
import { prepare } from '../database/database.js'
import type { StoreParts } from '../database/parts.js'

/** About what is written for a key package beside itself. */
const ROW_BYTES = 256
/** Key packages that one transaction deletes at most, so that others get their turn. */
const STEP_PACKAGES = 250

interface ClaimRow {
  key: number
  id: Uint8Array
}

const statements = (db: DatabaseSync) => ({
  all: prepare<{ left: number }>(
    db,
    'SELECT count(*) AS left FROM key_packages WHERE device = ? AND package IS NOT NULL',
  ),
  left: prepare<{ left: number }>(
    db,
    'SELECT count(*) AS left FROM key_packages WHERE device = ? AND suite = ? AND package IS NOT NULL',
  ),
  insert: prepare(
    db,
    `INSERT INTO key_packages (device, hash, suite, package, published_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (device, hash) DO NOTHING`,
  ),
  lastResort: prepare<{ package: Uint8Array }>(
    db,
    'SELECT package FROM last_resorts WHERE device = ? AND suite = ?',
  ),
  lastResorts: prepare<{ count: number }>(
    db,
    'SELECT count(*) AS count FROM last_resorts WHERE device = ? AND suite <> ?',
  ),
  putLastResort: prepare(
    db,
    `INSERT INTO last_resorts (device, suite, package) VALUES (?, ?, ?)
     ON CONFLICT (device, suite) DO UPDATE SET package = excluded.package`,
  ),
  dropLastResort: prepare(db, 'DELETE FROM last_resorts WHERE device = ? AND suite = ?'),
  forgetOldest: prepare(
    db,
    `DELETE FROM key_packages WHERE device = :device AND package IS NULL AND key <=
       (SELECT key FROM key_packages WHERE device = :device AND package IS NULL
        ORDER BY key DESC LIMIT 1 OFFSET :kept)`,
  ),
  account: prepare<{ key: number }>(db, 'SELECT key FROM accounts WHERE handle = ?'),
  devices: prepare<ClaimRow>(
    db,
    `SELECT key, id FROM devices JOIN progress ON device = key
     WHERE account = ? AND id <> ? AND revoked = 0 ORDER BY key`,
  ),
  oldest: prepare<{ key: number; package: Uint8Array }>(
    db,
    `SELECT key, package FROM key_packages WHERE device = ? AND suite = ? AND package IS NOT NULL
     ORDER BY key LIMIT 1`,
  ),
  unclaimed: prepare<{ key: number; hash: Uint8Array }>(
    db,
    'SELECT key, hash FROM key_packages WHERE device = ? AND suite = ? AND package IS NOT NULL',
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

  #publish(id: DeviceId, publication: Publication): void {
    const { state, limits, now } = this.#parts
    const { suite, oneTime, lastResort } = publication
    const device = state.device(id)
    if (!device) throw new Error('a device has to be registered before it publishes key packages')
    if (device.blocked === 'revoked') return
    const hashed = oneTime.map(keyPackage => ({ hash: hashOf(keyPackage), keyPackage }))
    if (publication.replaces)
      this.#dropOthers(device.key, suite, new Set(hashed.map(({ hash }) => hexOf(hash))))
    let room = limits.keyPackagesPerDevice - (this.#sql.all.get(device.key)?.left ?? 0)
    for (const { hash, keyPackage } of hashed) {
      if (room <= 0) break
      room -= Number(this.#sql.insert.run(device.key, hash, suite, keyPackage, now()).changes)
    }
    const others = this.#sql.lastResorts.get(device.key, suite)?.count ?? 0
    if (lastResort && others < LAST_RESORTS_PER_DEVICE)
      this.#sql.putLastResort.run(device.key, suite, lastResort)
    this.#sql.forgetOldest.run({ device: device.key, kept: REMEMBERED_CLAIMS })
  }

  /** `kept`: their hashes in hexadecimal. */
  #dropOthers(device: number, suite: Suite, kept: ReadonlySet<string>): void {
    this.#sql.dropLastResort.run(device, suite)
    for (const { key, hash } of this.#sql.unclaimed.all(device, suite))
      if (!kept.has(hexOf(hash))) this.#sql.markClaimed.run(key)
  }

  async count(id: DeviceId, suite: Suite): Promise<{ left: number; hasLastResort: boolean }> {
    const device = this.#parts.state.device(id)
    if (!device) return { left: 0, hasLastResort: false }
    const hasLastResort = this.#sql.lastResort.get(device.key, suite) !== undefined
    return { left: this.#left(device.key, suite), hasLastResort }
  }

  #left(device: number, suite: Suite): number {
    return this.#sql.left.get(device, suite)?.left ?? 0
  }

  claim(handle: string, terms: ClaimTerms): Promise<ClaimedKeyPackage[] | undefined> {
    const work = () => {
      const account = this.#sql.account.get(handle)
      const rows = account && this.#sql.devices.all(account.key, terms.except)
      return rows?.map(row => this.#claimOf(row, terms))
    }
    return this.#parts.writer.run({ bytes: ROW_BYTES, work })
  }

  #claimOf(
    { key, id: deviceId }: ClaimRow,
    { suite, lastResortOnly = false }: ClaimTerms,
  ): ClaimedKeyPackage {
    const oldest = lastResortOnly ? undefined : this.#sql.oldest.get(key, suite)
    if (!oldest) {
      const keyPackage = this.#sql.lastResort.get(key, suite)?.package
      return { deviceId, keyPackage, lastResort: keyPackage !== undefined }
    }
    this.#sql.markClaimed.run(oldest.key)
    return { deviceId, keyPackage: oldest.package, lastResort: false, left: this.#left(key, suite) }
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
const hexOf = (hash: Uint8Array) => Buffer.from(hash).toString('hex')
