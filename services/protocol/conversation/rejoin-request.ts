import { randomBytes } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { type RejoinRequest, RejoinRequestSchema } from '../../../gen/parley/v1/chat_pb.js'
import { type KeyPair, sign, verify } from '../signature.js'

const LABEL = 'parley.v1.RejoinRequest'
/** Lengths in bytes. Both are fixed, so nothing but this pair has the bytes that are signed. */
const CONVERSATION_ID_BYTES = 16
const NONCE_BYTES = 16

/** A device's request to be removed from a conversation (16 bytes) and added again. Throws RangeError for an id of another length. */
export function makeRejoin(options: { conversationId: Uint8Array; device: KeyPair }): RejoinRequest {
  const { conversationId, device } = options
  if (conversationId.length !== CONVERSATION_ID_BYTES) {
    throw new RangeError(`A conversation id has ${CONVERSATION_ID_BYTES} bytes`)
  }
  const nonce = new Uint8Array(randomBytes(NONCE_BYTES))
  const signature = sign(LABEL, device.privateKey, Buffer.concat([conversationId, nonce]))
  return create(RejoinRequestSchema, { nonce, signature, deviceId: device.publicKey })
}

/**
 * Whether the device that the request names made it for this conversation. Never throws. A server can deliver
 * the same request twice: whoever acts on one remembers its nonce.
 */
export function verifyRejoin(
  conversationId: Uint8Array,
  { nonce, signature, deviceId }: Pick<RejoinRequest, 'nonce' | 'signature' | 'deviceId'>,
): boolean {
  if (conversationId.length !== CONVERSATION_ID_BYTES || nonce.length !== NONCE_BYTES) return false
  return verify(LABEL, deviceId, Buffer.concat([conversationId, nonce]), signature)
}
