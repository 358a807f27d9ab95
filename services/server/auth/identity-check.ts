// Reads statements of an account's key that come with a call. The contract says how they are made and read, in
// protocol/; here their faults become the call's.

import { ErrorReason } from '../../../gen/parley/v1/chat_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { IdentityError } from '../../protocol/error.js'
import { readCertificateOfAnyHandle } from '../../protocol/identity/certificate.js'
import { readRevocation } from '../../protocol/identity/revocation.js'
import { nodeCrypto } from '../../protocol/node/crypto.js'
import type { RpcError } from '../../rpc/error.js'
import type { DeviceId, DeviceRecord } from '../store/store.js'
import { failure, frameFailure } from './failure.js'

/**
 * Verifies an encoded SignedDeviceCertificate. The handle may still break the rule: that is an answer of the call, not
 * a failure.
 *
 * Throws an RpcError: INVALID_ARGUMENT for what cannot be read, UNAUTHENTICATED for a wrong signature.
 */
export function checkDeviceCertificate(encoded: Uint8Array): DeviceRecord {
  const { handle, accountKey, deviceKey } = reading('device_certificate', () =>
    readCertificateOfAnyHandle(nodeCrypto, encoded),
  )
  return { handle, accountKey, deviceId: deviceKey, certificate: encoded }
}

/**
 * Verifies an encoded SignedDeviceRevocation of a device of this account, and returns the device.
 *
 * Throws an RpcError: INVALID_ARGUMENT for what cannot be read or is of another account, UNAUTHENTICATED for a wrong
 * signature.
 */
export function checkDeviceRevocation(
  encoded: Uint8Array,
  account: Pick<DeviceRecord, 'handle' | 'accountKey'>,
): DeviceId {
  const { handle, accountKey, deviceKey } = reading('device_revocations', () =>
    readRevocation(nodeCrypto, encoded),
  )
  if (handle !== account.handle || !equalBytes(accountKey, account.accountKey))
    throw frameFailure("device_revocations: one is of another account than the caller's")
  return deviceKey
}

/** `field`: of the request. */
function reading<T>(field: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof IdentityError ? identityFailure(field, error) : error
  }
}

function identityFailure(field: string, { reason, message }: IdentityError): RpcError {
  return reason === 'signature'
    ? failure('UNAUTHENTICATED', ErrorReason.SIGNATURE, `${field}: the signature is not the account key's`)
    : frameFailure(`${field}: ${message}`)
}
