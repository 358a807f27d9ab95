import { createHash } from 'node:crypto'
import { bytesKey } from '../../bytes.js'
import { LAST_RESORTS_PER_DEVICE, REMEMBERED_CLAIMS } from '../account-rules.js'
import type { ClaimedKeyPackage, ClaimTerms, DeviceId, KeyPackages, Publication, Suite } from '../store.js'
import type { MemoryParts } from './parts.js'
import type { DeviceRow } from './tables.js'

export class MemoryKeyPackages implements KeyPackages {
  readonly #parts: MemoryParts

  constructor(parts: MemoryParts) {
    this.#parts = parts
  }

  async publish(id: DeviceId, { suite, oneTime, lastResort, replaces = false }: Publication): Promise<void> {
    const { tables, room, limits } = this.#parts
    const device = tables.device(id)
    if (!device) throw new Error('a device has to be registered before it publishes key packages')
    if (tables.isRevoked(device)) return
    const taken = new Map(oneTime.map(keyPackage => [hashOf(keyPackage), keyPackage]))
    const gone = replaces
      ? [...device.stock].filter(([hash, one]) => one.suite === suite && !taken.has(hash))
      : []
    for (const hash of taken.keys())
      if (device.stock.has(hash) || device.goneHashes.has(hash)) taken.delete(hash)
    const places = limits.keyPackagesPerDevice - device.stock.size + gone.length
    const kept = [...taken].slice(0, Math.max(0, places))
    const bytes = kept.reduce((sum, [, keyPackage]) => sum + keyPackage.length, 0)
    const freed = gone.reduce((sum, [, { keyPackage }]) => sum + keyPackage.length, 0)
    room.require(bytes - freed)
    for (const [hash, { keyPackage }] of gone) this.#drop(device, hash, keyPackage)
    room.take(bytes)
    const publishedAt = this.#parts.now()
    for (const [hash, keyPackage] of kept)
      device.stock.set(hash, { suite, keyPackage: keyPackage.slice(), publishedAt })
    const others = [...device.lastResorts.keys()].filter(other => other !== suite).length
    if (replaces) device.lastResorts.delete(suite)
    if (lastResort && others < LAST_RESORTS_PER_DEVICE) device.lastResorts.set(suite, lastResort.slice())
  }

  async count(id: DeviceId, suite: Suite): Promise<{ left: number; hasLastResort: boolean }> {
    const device = this.#parts.tables.device(id)
    if (!device) return { left: 0, hasLastResort: false }
    return { left: stockOf(device, suite).length, hasLastResort: device.lastResorts.has(suite) }
  }

  async claim(handle: string, terms: ClaimTerms): Promise<ClaimedKeyPackage[] | undefined> {
    const { tables } = this.#parts
    const devices = tables.accounts.get(handle)?.devices
    return devices
      ?.filter(device => !tables.isRevoked(device) && bytesKey(device.id) !== bytesKey(terms.except))
      .map(device => this.#claimOf(device, terms))
  }

  #claimOf(device: DeviceRow, { suite, lastResortOnly = false }: ClaimTerms): ClaimedKeyPackage {
    const { id: deviceId } = device
    const [oldest] = lastResortOnly ? [] : stockOf(device, suite)
    const lastResort = device.lastResorts.get(suite)
    if (!oldest) return { deviceId, keyPackage: lastResort, lastResort: lastResort !== undefined }
    const [hash, { keyPackage }] = oldest
    this.#drop(device, hash, keyPackage)
    return { deviceId, keyPackage, lastResort: false, left: stockOf(device, suite).length }
  }

  async expire(publishedBefore: number): Promise<number> {
    let deleted = 0
    for (const { devices } of this.#parts.tables.accounts.values())
      for (const device of devices)
        for (const [hash, { keyPackage, publishedAt }] of device.stock) {
          if (publishedAt >= publishedBefore) continue
          this.#drop(device, hash, keyPackage)
          deleted += 1
        }
    return deleted
  }

  /** One that goes leaves its hash behind, so that it is not taken in again. */
  #drop(device: DeviceRow, hash: string, keyPackage: Uint8Array): void {
    device.stock.delete(hash)
    device.goneHashes.add(hash)
    this.#parts.room.giveBack(keyPackage.length)
    const [oldest] = device.goneHashes
    if (device.goneHashes.size > REMEMBERED_CLAIMS && oldest !== undefined) device.goneHashes.delete(oldest)
  }
}

const hashOf = (keyPackage: Uint8Array) => createHash('sha256').update(keyPackage).digest('base64')

/** The oldest first. */
const stockOf = ({ stock }: Pick<DeviceRow, 'stock'>, suite: Suite) =>
  [...stock].filter(([, one]) => one.suite === suite)
