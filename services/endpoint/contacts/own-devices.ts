// The devices of this account, this one too, as far as this one knows them.

import { create } from '@bufbuild/protobuf'
import { type OwnDevice, OwnDeviceSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import { DEVICE_NAME_LENGTH } from '../../protocol/content/lengths.js'
import { deviceFingerprint } from '../../protocol/identity/fingerprint.js'
import { Refusal } from '../codes/refusal.js'
import { crypto } from '../crypto.js'
import { at, type Batch, type Reader } from '../vault/records.js'

/** Characters of a fingerprint that are enough to tell one's own devices apart. */
const SHORT_FINGERPRINT = 'SHA256:'.length + 8

export interface OwnDevices {
  /** The oldest first. */
  all(): OwnDevice[]
  get(deviceId: Uint8Array): OwnDevice | undefined
  isRevoked(deviceId: Uint8Array): boolean
  /** Changes what is known of a device, from here on also of one that was not known. */
  change(batch: Batch, deviceId: Uint8Array, change: Partial<Omit<OwnDevice, '$typeName' | 'deviceId'>>): void
  reload(): void
}

const nameOf = (deviceId: Uint8Array) => Buffer.from(deviceId).toString('hex')

export function openOwnDevices(records: Reader): OwnDevices {
  const known = new Map<string, { number: bigint; device: OwnDevice }>()
  const reload = () => {
    known.clear()
    for (const { key, record } of records.list('devices'))
      known.set(nameOf(record.deviceId), { number: key.id, device: record })
  }
  reload()
  const get = (deviceId: Uint8Array) => known.get(nameOf(deviceId))?.device
  return {
    all: () => [...known.values()].map(({ device }) => device).sort(byAge),
    get,
    isRevoked: deviceId => (get(deviceId)?.revocation.length ?? 0) > 0,
    change(batch, deviceId, change) {
      const { number, device } = known.get(nameOf(deviceId)) ?? {
        number: BigInt(known.size + 1),
        device: create(OwnDeviceSchema, { deviceId }),
      }
      Object.assign(device, change)
      known.set(nameOf(deviceId), { number, device })
      batch.put('devices', at(number), device)
    },
    reload,
  }
}

/** All devices of an account agree on this order. */
function byAge(one: OwnDevice, other: OwnDevice): number {
  return Number(one.issuedAtMs - other.issuedAtMs) || Buffer.compare(one.deviceId, other.deviceId)
}

/** What a person calls a device by. */
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
export function nameDevice(devices: OwnDevices, batch: Batch, own: Uint8Array, name: string): void {
  if (name.trim() === '' || name.length > DEVICE_NAME_LENGTH)
    throw new Refusal({ code: 'bad-device-name', characters: DEVICE_NAME_LENGTH })
  devices.change(batch, own, { name, nameDue: true })
}

/** Throws Refusal for a device that this one cannot revoke. */
export function checkRevocable(devices: OwnDevices, own: Uint8Array, deviceId: Uint8Array): void {
  if (!devices.get(deviceId)) throw new Refusal({ code: 'not-your-device' })
  if (Buffer.compare(own, deviceId) === 0) throw new Refusal({ code: 'this-device' })
  if (devices.isRevoked(deviceId)) throw new Refusal({ code: 'already-revoked' })
}
