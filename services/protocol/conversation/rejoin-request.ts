import { create } from '@bufbuild/protobuf'
import { type RejoinRequest, RejoinRequestSchema } from '../../../gen/parley/v1/chat_pb.js'
import { concatBytes } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import type { DeviceKeys } from '../keys.js'
import { sign, verify } from '../signature.js'
import { CONVERSATION_ID_BYTES, NONCE_BYTES } from '../sizes.js'

const LABEL = 'parley.v1.RejoinRequest'

/** A device's request to be removed from a conversation (16 bytes) and added again. Throws RangeError for an id of another length. */
export function makeRejoin(
  crypto: CryptoProvider,
  { conversationId, device }: { conversationId: Uint8Array; device: DeviceKeys },
): RejoinRequest {
  if (conversationId.length !== CONVERSATION_ID_BYTES) {
    throw new RangeError(`A conversation id has ${CONVERSATION_ID_BYTES} bytes`)
  }
  const nonce = crypto.randomBytes(NONCE_BYTES)
  const bytes = signedBytes(conversationId, nonce)
  const signature = sign(crypto, { label: LABEL, bytes, privateKey: device.privateKey })
  return create(RejoinRequestSchema, { nonce, signature, deviceId: device.publicKey })
}

/**
 * Whether the device that the request names made it for this conversation. Never throws. A server can deliver
 * the same request twice: a device that acts on one remembers its nonce.
 */
export function verifyRejoin(
  crypto: CryptoProvider,
  {
    conversationId,
    request: { nonce, signature, deviceId },
  }: { conversationId: Uint8Array; request: Pick<RejoinRequest, 'nonce' | 'signature' | 'deviceId'> },
): boolean {
  if (conversationId.length !== CONVERSATION_ID_BYTES || nonce.length !== NONCE_BYTES) return false
  const bytes = signedBytes(conversationId, nonce)
  return verify(crypto, { label: LABEL, bytes, signature, publicKey: deviceId })
}

/** Both lengths are fixed, so nothing but this pair has these bytes. */
function signedBytes(conversationId: Uint8Array, nonce: Uint8Array): Uint8Array {
  return concatBytes(conversationId, nonce)
}
