// The devices of this account, this one too, as far as this one knows them.

import { DEVICE_NAME_LENGTH } from '../../protocol/content/lengths.js'
import { deviceFingerprint } from '../../protocol/identity/fingerprint.js'
import { Refusal } from '../codes/refusal.js'
import { crypto } from '../crypto.js'
import { at, inUnit, nextId, type Reader, type RecordOf, type Transaction } from '../vault/records.js'

type OwnDevice = RecordOf<'devices'>

/** Characters of a fingerprint that are enough to tell one's own devices apart. */
const SHORT_FINGERPRINT = 'SHA256:'.length + 8

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class OwnDevices {
  constructor(private readonly reader: Reader) {}

  /** The oldest first. */
  all(): OwnDevice[] {
    return this.#rows()
      .map(({ record }) => record)
      .sort(byAge)
  }

  get(deviceId: Uint8Array): OwnDevice | undefined {
    return this.#row(deviceId)?.record
  }

  isRevoked(deviceId: Uint8Array): boolean {
    return (this.get(deviceId)?.revocation.length ?? 0) > 0
  }

  /** Changes what is known of a device, from here on also of one that was not known. */
  change(
    tx: Transaction,
    deviceId: Uint8Array,
    change: Partial<Omit<OwnDevice, '$typeName' | 'deviceId'>>,
  ): void {
    inUnit(this.reader, tx)
    const known = this.#row(deviceId)
    const device = known ? { ...known.record, ...change } : { deviceId, ...change }
    tx.put('devices', known?.key ?? at(nextId(tx, 'devices')), device)
  }

  #rows() {
    return this.reader.list('devices')
  }

  #row(deviceId: Uint8Array) {
    return this.#rows().find(({ record }) => Buffer.compare(record.deviceId, deviceId) === 0)
  }
}

/** All devices of an account agree on this order. */
function byAge(one: OwnDevice, other: OwnDevice): number {
  return Number(one.issuedAtMs - other.issuedAtMs) || Buffer.compare(one.deviceId, other.deviceId)
}

/** The name that a person calls a device by. */
export function labelOf({ name, deviceId }: Pick<OwnDevice, 'name' | 'deviceId'>): string {
  return name || shortFingerprint(deviceId)
}

const shortFingerprint = (deviceId: Uint8Array) =>
  deviceFingerprint(crypto, deviceId).slice(0, SHORT_FINGERPRINT)

/** A device of this account, for a person to see. */
export interface DeviceView {
  /** Its public key, 32 bytes. */
  id: Uint8Array
  /** '' where it has none. */
  name: string
  fingerprint: string
  isThis: boolean
  /** When its certificate was signed. */
  since: Date
  /** When something that it sent was last received; undefined: never, or it is this one. */
  lastHeard: Date | undefined
  isRevoked: boolean
}

/** The oldest first. */
export function viewDevices(devices: OwnDevices, own: Uint8Array): DeviceView[] {
  return devices.all().map(({ deviceId, name, issuedAtMs, lastHeardMs, revocation }) => ({
    id: deviceId,
    name,
    fingerprint: deviceFingerprint(crypto, deviceId),
    isThis: Buffer.compare(deviceId, own) === 0,
    since: new Date(Number(issuedAtMs)),
    lastHeard: lastHeardMs > 0n ? new Date(Number(lastHeardMs)) : undefined,
    isRevoked: revocation.length > 0,
  }))
}

/** Calls this device so. Throws Refusal. */
export function nameDevice(devices: OwnDevices, tx: Transaction, own: Uint8Array, name: string): void {
  if (name.trim() === '' || name.length > DEVICE_NAME_LENGTH)
    throw new Refusal({ code: 'bad-device-name', characters: DEVICE_NAME_LENGTH })
  devices.change(tx, own, { name, nameDue: true })
}

/** Throws Refusal for a device that this one cannot revoke. */
export function checkRevocable(devices: OwnDevices, own: Uint8Array, deviceId: Uint8Array): void {
  if (!devices.get(deviceId)) throw new Refusal({ code: 'not-your-device' })
  if (Buffer.compare(own, deviceId) === 0) throw new Refusal({ code: 'this-device' })
  if (devices.isRevoked(deviceId)) throw new Refusal({ code: 'already-revoked' })
}
