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

  /** It was there before this device, or a person has agreed that it is handed the history. */
  mayHaveHistory(deviceId: DeviceKey): boolean {
    return this.get(deviceId)?.mayHaveHistory === true
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

  /**
   * These are in use, in this order, and no others that were; `own`: this device. Tells whether that is new. Those that
   * are there when this device comes may have the history, those that come later may not yet: neither the order of a list
   * nor the time in a certificate shows who came first, as the 24 words sign both.
   */
  settle(tx: Transaction, listed: readonly ListedDevice[], own: DeviceKey): boolean {
    const before = this.#rows().map(({ record }) => record)
    const self = this.get(own)
    const wasHere = self !== undefined && (self.place > 0 || self.isEnded)
    for (const [at, { deviceKey, listedAt }] of listed.entries()) {
      const known = this.get(deviceKey)
      const isNew = !known || known.place === 0
      // One that is alone waits for nobody.
      const mayHave = sameKey(deviceKey, own) ? listed.length === 1 : isNew && !wasHere
      const change = {
        ...{ isEnded: false, place: at + 1, mayHaveHistory: mayHave || known?.mayHaveHistory === true },
        issuedAtMs: known?.issuedAtMs || BigInt(listedAt),
      }
      if (!known || !isSame(known, change)) this.change(tx, deviceKey, change)
    }
    for (const { deviceId, place, isEnded } of before)
      if (place > 0 && !isEnded && !listed.some(({ deviceKey }) => sameKey(deviceKey, deviceId)))
        this.change(tx, deviceId, { isEnded: true, place: 0, mayHaveHistory: false, handedOverAtMs: 0n })
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

type Settled = Pick<OwnDevice, 'isEnded' | 'place' | 'mayHaveHistory' | 'issuedAtMs'>

const isSame = (one: Settled, other: Settled): boolean =>
  one.isEnded === other.isEnded &&
  one.place === other.place &&
  one.mayHaveHistory === other.mayHaveHistory &&
  one.issuedAtMs === other.issuedAtMs

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
  /** Until a person agrees: this one at another device, another one here. */
  waitsForHistory: boolean
}

/** In the order of the list: each may end those behind it. */
export function viewDevices(devices: OwnDevices, own: DeviceKey): DeviceView[] {
  return devices.all().map(({ deviceId, name, issuedAtMs, lastHeardMs, isEnded, place, mayHaveHistory }) => ({
    id: deviceId,
    name,
    fingerprint: deviceFingerprint(crypto, deviceId),
    isThis: sameKey(deviceId, own),
    since: new Date(Number(issuedAtMs)),
    lastHeard: lastHeardMs > 0n ? new Date(Number(lastHeardMs)) : undefined,
    isRevoked: isEnded,
    waitsForHistory: place > 0 && !mayHaveHistory,
  }))
}

/** Calls this device so. Throws Refusal. */
export function nameDevice(devices: OwnDevices, tx: Transaction, own: DeviceKey, name: string): void {
  if (name.trim() === '' || name.length > DEVICE_NAME_LENGTH)
    throw new Refusal({ code: 'bad-device-name', characters: DEVICE_NAME_LENGTH })
  devices.change(tx, own, { name, nameDue: true })
}

/** Throws Refusal for a device that does not wait for the history. */
export function checkWaits(devices: OwnDevices, own: DeviceKey, deviceId: DeviceKey): void {
  checkRevocable(devices, own, deviceId)
  if (devices.mayHaveHistory(deviceId)) throw new Refusal({ code: 'has-history' })
}

/** Throws Refusal for a device that this one cannot revoke: none of the account, this one, or one that is not in use. */
export function checkRevocable(devices: OwnDevices, own: DeviceKey, deviceId: DeviceKey): void {
  if (!devices.get(deviceId)) throw new Refusal({ code: 'not-your-device' })
  if (sameKey(own, deviceId)) throw new Refusal({ code: 'this-device' })
  if (devices.isRevoked(deviceId)) throw new Refusal({ code: 'already-revoked' })
}
