// A device signs what matters only now, and seals it under a key of the epoch, beside MLS's message ratchet
// (proto/parley/content/v1/content.proto):
//
//   nonce (12 random bytes) || AES-256-GCM(key, nonce, SignedEphemeral, aad = conversation_id)

import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  type Ephemeral,
  EphemeralSchema,
  type SignedEphemeral,
  SignedEphemeralSchema,
} from '../../../gen/parley/content/v1/content_pb.js'
import { concatBytes } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import { type DeviceKey, type DeviceKeys, deviceKey } from '../keys.js'
import { sign, verify } from '../signature.js'
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES } from '../sizes.js'

const LABEL = 'parley.content.v1.Ephemeral'

/** The key is MLS-Exporter(label, "", bytes) of the epoch that the envelope names (RFC 9420 section 8.5). */
export const EPHEMERAL_KEY = { label: 'parley ephemeral', bytes: AEAD_KEY_BYTES } as const

interface EphemeralSealing {
  /** See EPHEMERAL_KEY. */
  key: Uint8Array
  /** 16 bytes. */
  conversationId: Uint8Array
  device: DeviceKeys
  content: MessageInitShape<typeof EphemeralSchema>
  /** 12 bytes; random unless given. */
  nonce?: Uint8Array
}

/** The ciphertext of an EphemeralEnvelope. */
export function sealEphemeral(crypto: CryptoProvider, sealing: EphemeralSealing): Uint8Array {
  const { key, conversationId, device, content, nonce = crypto.randomBytes(AEAD_NONCE_BYTES) } = sealing
  const ephemeral = toBinary(EphemeralSchema, create(EphemeralSchema, content))
  const bytes = concatBytes(conversationId, ephemeral)
  const signature = sign(crypto, { label: LABEL, bytes, privateKey: device.privateKey })
  const signed = create(SignedEphemeralSchema, { ephemeral, deviceId: device.publicKey, signature })
  const plaintext = toBinary(SignedEphemeralSchema, signed)
  return concatBytes(nonce, crypto.aes256GcmSeal({ key, nonce, plaintext, additional: conversationId }))
}

interface OpenedEphemeral {
  /** The device that signed it. Whether it is in the group is for the caller to see. */
  deviceId: DeviceKey
  content: Ephemeral
}

/** Opens and verifies; undefined for what was sealed or signed for something else, or is no such content. Never throws. */
export function openEphemeral(
  crypto: CryptoProvider,
  {
    key,
    conversationId,
    ciphertext,
  }: { key: Uint8Array; conversationId: Uint8Array; ciphertext: Uint8Array },
): OpenedEphemeral | undefined {
  const nonce = ciphertext.subarray(0, AEAD_NONCE_BYTES)
  const sealed = ciphertext.subarray(AEAD_NONCE_BYTES)
  const plaintext = crypto.aes256GcmOpen({ key, nonce, sealed, additional: conversationId })
  try {
    return plaintext && opened(crypto, conversationId, fromBinary(SignedEphemeralSchema, plaintext))
  } catch {
    return undefined
  }
}

/** Throws for bytes that are no Ephemeral. */
function opened(
  crypto: CryptoProvider,
  conversationId: Uint8Array,
  { ephemeral, deviceId, signature }: SignedEphemeral,
): OpenedEphemeral | undefined {
  const bytes = concatBytes(conversationId, ephemeral)
  if (!verify(crypto, { label: LABEL, bytes, signature, publicKey: deviceId })) return undefined
  return { deviceId: deviceKey(deviceId), content: fromBinary(EphemeralSchema, ephemeral) }
}
