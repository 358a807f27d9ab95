import { create } from '@bufbuild/protobuf'
import { type RejoinRequest, RejoinRequestSchema } from '../../../gen/parley/v1/chat_pb.js'
import { concatBytes, uint64Bytes } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import type { DeviceKeys } from '../keys.js'
import { sign, verify } from '../signature.js'
import { CONVERSATION_ID_BYTES, NONCE_BYTES } from '../sizes.js'
import { REJOIN_EPOCHS } from './limits.js'

const LABEL = 'parley.v1.RejoinRequest'

const MAX_EPOCH = 2n ** 64n - 1n

/** A device's request to be removed from a conversation (16 bytes) and added again. Throws RangeError for an id of another length. */
export function makeRejoin(
  crypto: CryptoProvider,
  {
    conversationId,
    lastEpoch,
    device,
  }: { conversationId: Uint8Array; lastEpoch: bigint; device: DeviceKeys },
): RejoinRequest {
  if (conversationId.length !== CONVERSATION_ID_BYTES) {
    throw new RangeError(`A conversation id has ${CONVERSATION_ID_BYTES} bytes`)
  }
  const nonce = crypto.randomBytes(NONCE_BYTES)
  const bytes = signedBytes(conversationId, lastEpoch, nonce)
  const signature = sign(crypto, { label: LABEL, bytes, privateKey: device.privateKey })
  return create(RejoinRequestSchema, { nonce, signature, deviceId: device.publicKey, lastEpoch })
}

/**
 * Whether the device that the request names made it for this conversation. Never throws. A server can deliver
 * the same request twice: a device that acts on one remembers its nonce.
 */
export function verifyRejoin(
  crypto: CryptoProvider,
  {
    conversationId,
    request: { nonce, signature, deviceId, lastEpoch },
  }: { conversationId: Uint8Array; request: Omit<RejoinRequest, '$typeName' | '$unknown'> },
): boolean {
  if (conversationId.length !== CONVERSATION_ID_BYTES || nonce.length !== NONCE_BYTES) return false
  if (lastEpoch < 0n || lastEpoch > MAX_EPOCH) return false
  const bytes = signedBytes(conversationId, lastEpoch, nonce)
  return verify(crypto, { label: LABEL, bytes, signature, publicKey: deviceId })
}

/** Whether a commit that is made in this epoch may rest on the request. */
export const countsInEpoch = ({ lastEpoch }: Pick<RejoinRequest, 'lastEpoch'>, epoch: bigint): boolean =>
  lastEpoch <= epoch && epoch < lastEpoch + REJOIN_EPOCHS

/** All lengths are fixed, so nothing but these three has these bytes. */
function signedBytes(conversationId: Uint8Array, lastEpoch: bigint, nonce: Uint8Array): Uint8Array {
  return concatBytes(conversationId, uint64Bytes(lastEpoch), nonce)
}
