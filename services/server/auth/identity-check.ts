// Reads statements of an account that come with a call. The contract says how they are made and read, in protocol/; here
// their faults become the call's.

import { ErrorReason } from '../../../gen/parley/v1/chat_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { IdentityError } from '../../protocol/error.js'
import { type DeviceIdentity, readCertificate } from '../../protocol/identity/certificate.js'
import { type DeviceList, readDeviceList } from '../../protocol/identity/device-list.js'
import { type DeviceRemoval, readDeviceRemoval } from '../../protocol/identity/device-removal.js'
import { nodeCrypto } from '../../protocol/node/crypto.js'
import type { RpcError } from '../../rpc/error.js'
import type { DeviceId } from '../store/store.js'
import { failure, frameFailure } from './failure.js'

interface Expected {
  /** The device that calls. */
  caller: DeviceId
  /** The id of this server. */
  serverId: Uint8Array
}

/**
 * Verifies an encoded SignedDeviceCertificate of the caller.
 *
 * Throws an RpcError: INVALID_ARGUMENT for what cannot be read, is of another server or of another device,
 * UNAUTHENTICATED for a wrong signature.
 */
export function checkDeviceCertificate(
  encoded: Uint8Array,
  { caller, serverId }: Expected,
): Readonly<DeviceIdentity> {
  const certificate = reading('device_certificate', () => readCertificate(nodeCrypto, encoded))
  if (!equalBytes(certificate.deviceKey, caller))
    throw frameFailure('device_certificate: it is of another device than the proof')
  checkServer('device_certificate', certificate.serverId, serverId)
  return certificate
}

/**
 * Verifies an encoded SignedDeviceList. The devices that it names are for the store to look at. undefined: its handle
 * breaks the rule, which is an answer of the call, not a failure. Throws as checkDeviceCertificate does.
 */
export function checkDeviceList(
  encoded: Uint8Array,
  { serverId }: Pick<Expected, 'serverId'>,
): Readonly<DeviceList> | undefined {
  const list = reading('device_list', () => readList(encoded))
  if (list) checkServer('device_list', list.serverId, serverId)
  return list
}

/**
 * Verifies encoded SignedDeviceRemovals of an account. Throws an RpcError: INVALID_ARGUMENT for one that cannot be read
 * or is of another account, UNAUTHENTICATED for a wrong signature.
 */
export function checkDeviceRemovals(encoded: readonly Uint8Array[], accountKey: Uint8Array): DeviceRemoval[] {
  return encoded.map(bytes => {
    const removal = reading('device_removals', () => readDeviceRemoval(nodeCrypto, bytes))
    if (!equalBytes(removal.accountKey, accountKey))
      throw frameFailure("device_removals: one is of another account than the caller's")
    return removal
  })
}

function readList(encoded: Uint8Array): Readonly<DeviceList> | undefined {
  try {
    return readDeviceList(nodeCrypto, encoded)
  } catch (error) {
    if (error instanceof IdentityError && error.reason === 'handle') return undefined
    throw error
  }
}

function checkServer(field: string, named: Uint8Array, serverId: Uint8Array): void {
  if (!equalBytes(named, serverId)) throw frameFailure(`${field}: it is of another server: see GetServer`)
}

/** `field`: of the request. */
function reading<T>(field: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error
    throw identityFailure(field, error)
  }
}

function identityFailure(field: string, { reason, message }: IdentityError): RpcError {
  return reason === 'signature'
    ? failure('UNAUTHENTICATED', ErrorReason.SIGNATURE, `${field}: the signature does not hold`)
    : frameFailure(`${field}: ${message}`)
}
