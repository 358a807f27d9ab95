import { fromBinary } from '@bufbuild/protobuf'
import { ErrorReason } from '../../../gen/parley/v1/chat_pb.js'
import {
  type DeviceCertificate,
  DeviceCertificateSchema,
  SignedDeviceCertificateSchema,
} from '../../../gen/parley/v1/identity_pb.js'
import type { DeviceRecord } from '../store/store.js'
import { failure, frameFailure } from './failure.js'
import { CERTIFICATE_LABEL, PUBLIC_KEY_BYTES, signatureHolds } from './signature.js'

const HANDLE = /^[a-z0-9][a-z0-9._-]{0,31}$/
/** The rule of DeviceCertificate.handle, for a person to read. */
export const HANDLE_RULE =
  "a handle has 1 to 32 characters out of a-z, 0-9, '-', '_' and '.', and begins with a letter or a digit"

export function handleIsValid(handle: string): boolean {
  return HANDLE.test(handle)
}

/**
 * Verifies an encoded SignedDeviceCertificate. The handle may still break HANDLE_RULE: that is an answer of
 * the call, not a failure.
 *
 * Throws an RpcError: INVALID_ARGUMENT for what cannot be read, UNAUTHENTICATED for a wrong signature.
 */
export function checkDeviceCertificate(encoded: Uint8Array): DeviceRecord {
  const { certificate, signature, signed } = decode(encoded)
  for (const [name, key] of Object.entries({
    account_key: certificate.accountKey,
    device_key: certificate.deviceKey,
  }))
    if (key.length !== PUBLIC_KEY_BYTES)
      throw frameFailure(`device_certificate: ${name} has ${key.length} bytes, not ${PUBLIC_KEY_BYTES}`)
  const { accountKey, deviceKey, handle } = certificate
  if (!signatureHolds({ label: CERTIFICATE_LABEL, bytes: signed, signature, publicKey: accountKey }))
    throw failure(
      'UNAUTHENTICATED',
      ErrorReason.SIGNATURE,
      'device_certificate: the signature is not the account key’s',
    )
  return { handle, accountKey, deviceId: deviceKey, certificate: encoded }
}

function decode(encoded: Uint8Array): {
  certificate: DeviceCertificate
  signature: Uint8Array
  signed: Uint8Array
} {
  try {
    const { certificate: signed, signature } = fromBinary(SignedDeviceCertificateSchema, encoded)
    return { certificate: fromBinary(DeviceCertificateSchema, signed), signature, signed }
  } catch {
    throw frameFailure('device_certificate: not an encoded SignedDeviceCertificate')
  }
}
