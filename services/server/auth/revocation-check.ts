import { fromBinary } from '@bufbuild/protobuf'
import { ErrorReason } from '../../../gen/parley/v1/chat_pb.js'
import {
  type DeviceRevocation,
  DeviceRevocationSchema,
  SignedDeviceRevocationSchema,
} from '../../../gen/parley/v1/identity_pb.js'
import type { DeviceId, DeviceRecord } from '../store/store.js'
import { failure, frameFailure } from './failure.js'
import { PUBLIC_KEY_BYTES, REVOCATION_LABEL, signatureHolds } from './signature.js'

/**
 * Verifies an encoded SignedDeviceRevocation of a device of this account, and returns the device.
 *
 * Throws an RpcError: INVALID_ARGUMENT for what cannot be read or is of another account, UNAUTHENTICATED for
 * a wrong signature.
 */
export function checkDeviceRevocation(
  encoded: Uint8Array,
  account: Pick<DeviceRecord, 'handle' | 'accountKey'>,
): DeviceId {
  const { revocation, signature, signed } = decode(encoded)
  if (revocation.handle !== account.handle || Buffer.compare(revocation.accountKey, account.accountKey) !== 0)
    throw frameFailure("device_revocations: one is of another account than the caller's")
  if (revocation.deviceKey.length !== PUBLIC_KEY_BYTES)
    throw frameFailure(`device_revocations: device_key has not ${PUBLIC_KEY_BYTES} bytes`)
  if (!signatureHolds({ label: REVOCATION_LABEL, bytes: signed, signature, publicKey: account.accountKey }))
    throw failure(
      'UNAUTHENTICATED',
      ErrorReason.SIGNATURE,
      'device_revocations: the signature is not the account key’s',
    )
  return revocation.deviceKey
}

function decode(encoded: Uint8Array): {
  revocation: DeviceRevocation
  signature: Uint8Array
  signed: Uint8Array
} {
  try {
    const { revocation: signed, signature } = fromBinary(SignedDeviceRevocationSchema, encoded)
    return { revocation: fromBinary(DeviceRevocationSchema, signed), signature, signed }
  } catch {
    throw frameFailure('device_revocations: not an encoded SignedDeviceRevocation')
  }
}
