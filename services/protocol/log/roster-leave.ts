import { create } from '@bufbuild/protobuf'
import { type RosterLeave, RosterLeaveSchema } from '../../../gen/parley/v1/chat_pb.js'
import { concatBytes, uint64Bytes } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import type { DeviceKeys } from '../keys.js'
import { sign, verify } from '../signature.js'
import { CONVERSATION_ID_BYTES, NONCE_BYTES } from '../sizes.js'

const LABEL = 'parley.v1.RosterLeave'
const MAX_EPOCH = 2n ** 64n - 1n

/** A conversation (16 bytes), and the epoch that the device came in with. */
interface Joined {
  conversationId: Uint8Array
  epoch: bigint
}

/** A device's word that it leaves a conversation. Throws RangeError for an id of another length. */
export function makeLeave(
  crypto: CryptoProvider,
  { conversationId, epoch, device }: Joined & { device: DeviceKeys },
): RosterLeave {
  if (conversationId.length !== CONVERSATION_ID_BYTES)
    throw new RangeError(`A conversation id has ${CONVERSATION_ID_BYTES} bytes`)
  const nonce = crypto.randomBytes(NONCE_BYTES)
  const bytes = signedBytes({ conversationId, epoch }, nonce)
  const signature = sign(crypto, { label: LABEL, bytes, privateKey: device.privateKey })
  return create(RosterLeaveSchema, { nonce, signature, deviceId: device.publicKey, epoch })
}

/**
 * Whether the device that the leave names made it for this conversation. Never throws. A server can deliver the same one
 * twice, also after the device was added again: a device that acts on one remembers its nonce.
 */
export function verifyLeave(
  crypto: CryptoProvider,
  { conversationId, leave }: { conversationId: Uint8Array; leave: Omit<RosterLeave, '$typeName'> },
): boolean {
  const { nonce, signature, deviceId, epoch } = leave
  if (conversationId.length !== CONVERSATION_ID_BYTES || nonce.length !== NONCE_BYTES) return false
  if (epoch < 0n || epoch > MAX_EPOCH) return false
  const bytes = signedBytes({ conversationId, epoch }, nonce)
  return verify(crypto, { label: LABEL, bytes, signature, publicKey: deviceId })
}

/** All lengths are fixed, so nothing but these three has these bytes. */
function signedBytes({ conversationId, epoch }: Joined, nonce: Uint8Array): Uint8Array {
  return concatBytes(conversationId, uint64Bytes(epoch), nonce)
}
