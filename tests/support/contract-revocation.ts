import { create, toBinary } from '@bufbuild/protobuf'
import { DeviceRevocationSchema, SignedDeviceRevocationSchema } from '../../gen/parley/v1/identity_pb.js'
import type { KeyExchangeResponse } from '../../gen/parley/v1/key_exchange_pb.js'
import { type SigningKey, signLabelled, type TestDevice } from './contract-device.js'

export const REVOCATION_LABEL = 'parley.v1.DeviceRevocation'

export interface RevocationOptions {
  /** Default: the device's account. */
  signer?: SigningKey
  label?: string
  deviceKey?: Uint8Array
}

/** An encoded SignedDeviceRevocation of a device, by its account. */
export function makeRevocation(
  { handle, account, id }: Pick<TestDevice, 'handle' | 'account' | 'id'>,
  { signer = account, label = REVOCATION_LABEL, deviceKey = id }: RevocationOptions = {},
): Uint8Array {
  const revocation = toBinary(
    DeviceRevocationSchema,
    create(DeviceRevocationSchema, {
      handle,
      accountKey: account.publicKey,
      deviceKey,
      revokedAtMs: BigInt(Date.now()),
    }),
  )
  const signature = signLabelled(label, revocation, signer)
  return toBinary(
    SignedDeviceRevocationSchema,
    create(SignedDeviceRevocationSchema, { revocation, signature }),
  )
}

/** Why a registration was refused; undefined if it was not. */
export function refusalOf({ outcome }: KeyExchangeResponse): string | undefined {
  return outcome.case === 'refused' ? outcome.value.reason.case : undefined
}
