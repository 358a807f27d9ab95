// The devices of this account, this one too, as far as this one knows them.

import { compareBytes } from '../../protocol/bytes.js'
import { DEVICE_NAME_LENGTH } from '../../protocol/content/lengths.js'
import type { ListedDevice } from '../../protocol/identity/device-list.js'
import { deviceFingerprint } from '../../protocol/identity/fingerprint.js'
import { type DeviceKey, sameKey } from '../../protocol/keys.js'
import { Refusal } from '../codes/refusal.js'
import { crypto } from '../crypto.js'
import { at, inUnit, nextId, type Reader, type RecordOf, type Transaction } from '../vault/records.js'

type OwnDevice = RecordOf<'devices'>

/** Characters of a fingerprint that are enough to tell one's own devices apart. */
const SHORT_FINGERPRINT = 'SHA256:'.length + 8

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class OwnDevices {
  constructor(private readonly reader: Reader) {}

  /** In the order of the list; those that are on none behind them, the oldest first. */
  all(): OwnDevice[] {
    return this.#rows()
      .map(({ record }) => record)
      .sort(byPlace)
  }

  get(deviceId: DeviceKey): OwnDevice | undefined {
    return this.#row(deviceId)?.record
  }

  isRevoked(deviceId: DeviceKey): boolean {
    return this.get(deviceId)?.isEnded === true
  }

  /** Changes what is known of a device, from here on also of one that was not known. */
  change(
    tx: Transaction,
    deviceId: DeviceKey,
    change: Partial<Omit<OwnDevice, '$typeName' | 'deviceId'>>,
  ): void {
    inUnit(this.reader, tx)
    const known = this.#row(deviceId)
    const device = known ? { ...known.record, ...change } : { deviceId, ...change }
    tx.put('devices', known?.key ?? at(nextId(tx, 'devices')), device)
  }

  /** These are in use, in this order, and no others that were. Tells whether that is new. */
  settle(tx: Transaction, listed: readonly ListedDevice[]): boolean {
    const before = this.#rows().map(({ record }) => record)
    for (const [at, { deviceKey, listedAt }] of listed.entries()) {
      const known = this.get(deviceKey)
      const change = { issuedAtMs: BigInt(listedAt), isEnded: false, place: at + 1 }
      if (known && known.place === change.place && !known.isEnded && known.issuedAtMs > 0n) continue
      this.change(
        tx,
        deviceKey,
        known && known.issuedAtMs > 0n ? { ...change, issuedAtMs: known.issuedAtMs } : change,
      )
    }
    for (const { deviceId, place, isEnded } of before)
      if (place > 0 && !isEnded && !listed.some(({ deviceKey }) => sameKey(deviceKey, deviceId)))
        this.change(tx, deviceId, { isEnded: true, place: 0 })
    const after = this.#rows().map(({ record }) => record)
    return after.length !== before.length || after.some((each, at) => each.isEnded !== before[at]!.isEnded)
  }

  #rows() {
    return this.reader.list('devices')
  }

  #row(deviceId: DeviceKey) {
    return this.#rows().find(({ record }) => sameKey(record.deviceId, deviceId))
  }
}

function byPlace(one: OwnDevice, other: OwnDevice): number {
  const placed = (one.place || Number.MAX_SAFE_INTEGER) - (other.place || Number.MAX_SAFE_INTEGER)
  return placed || Number(one.issuedAtMs - other.issuedAtMs) || compareBytes(one.deviceId, other.deviceId)
}

/** The name that a person calls a device by. */
export function labelOf({ name, deviceId }: Pick<OwnDevice, 'name' | 'deviceId'>): string {
  return name || shortFingerprint(deviceId)
}

const shortFingerprint = (deviceId: DeviceKey) =>
  deviceFingerprint(crypto, deviceId).slice(0, SHORT_FINGERPRINT)

/** A device of this account, for a person to see. */
export interface DeviceView {
  id: DeviceKey
  /** '' where it has none. */
  name: string
  fingerprint: string
  isThis: boolean
  /** When it was first listed. */
  since: Date
  /** When something that it sent was last received; undefined: never, or it is this one. */
  lastHeard: Date | undefined
  isRevoked: boolean
}

/** In the order of the list: each may end those behind it. */
export function viewDevices(devices: OwnDevices, own: DeviceKey): DeviceView[] {
  return devices.all().map(({ deviceId, name, issuedAtMs, lastHeardMs, isEnded }) => ({
    id: deviceId,
    name,
    fingerprint: deviceFingerprint(crypto, deviceId),
    isThis: sameKey(deviceId, own),
    since: new Date(Number(issuedAtMs)),
    lastHeard: lastHeardMs > 0n ? new Date(Number(lastHeardMs)) : undefined,
    isRevoked: isEnded,
  }))
}

/** Calls this device so. Throws Refusal. */
export function nameDevice(devices: OwnDevices, tx: Transaction, own: DeviceKey, name: string): void {
  if (name.trim() === '' || name.length > DEVICE_NAME_LENGTH)
    throw new Refusal({ code: 'bad-device-name', characters: DEVICE_NAME_LENGTH })
  devices.change(tx, own, { name, nameDue: true })
}

/** Throws Refusal for a device that this one cannot revoke. */
export function checkRevocable(devices: OwnDevices, own: DeviceKey, deviceId: DeviceKey): void {
  if (!devices.get(deviceId)) throw new Refusal({ code: 'not-your-device' })
  if (sameKey(own, deviceId)) throw new Refusal({ code: 'this-device' })
  if (devices.isRevoked(deviceId)) throw new Refusal({ code: 'already-revoked' })
}
