// What matters only now: sealed under a key of the epoch, beside the message ratchet, and signed by the device
// (proto/parley/content/v1).

import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  type Ephemeral,
  EphemeralSchema,
  type SignedEphemeral,
  SignedEphemeralSchema,
} from '../../../gen/parley/content/v1/content_pb.js'
import { concatBytes } from '../../protocol/bytes.js'
import { sign, verify } from '../../protocol/signature.js'
import type { Context } from '../context.js'
import { crypto } from '../crypto.js'
import type { LiveGroup } from '../groups/groups.js'
import type { Member } from '../mls/engine.js'

const LABEL = 'parley.content.v1.Ephemeral'
const EXPORTER_LABEL = 'parley ephemeral'
const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Seals for the group's present epoch. Changes no state. */
export async function sealEphemeral(
  context: Context,
  group: LiveGroup,
  content: MessageInitShape<typeof EphemeralSchema>,
): Promise<{ epoch: bigint; ciphertext: Uint8Array }> {
  const { device } = context.account
  const { conversationId } = group.record
  const ephemeral = toBinary(EphemeralSchema, create(EphemeralSchema, content))
  const signature = sign(crypto, {
    label: LABEL,
    bytes: concatBytes(conversationId, ephemeral),
    privateKey: device.privateKey,
  })
  const signed = create(SignedEphemeralSchema, { ephemeral, deviceId: device.publicKey, signature })
  const nonce = context.random.bytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, await epochKey(context, group), nonce)
  cipher.setAAD(conversationId)
  const sealed = cipher.update(toBinary(SignedEphemeralSchema, signed))
  return {
    epoch: context.engine.epoch(group.state),
    ciphertext: Buffer.concat([nonce, sealed, cipher.final(), cipher.getAuthTag()]),
  }
}

/** The content and its verified sender; undefined for what is of another epoch, altered, or no member's. */
export async function openEphemeral(
  context: Context,
  group: LiveGroup,
  { epoch, ciphertext }: { epoch: bigint; ciphertext: Uint8Array },
): Promise<{ sender: Member; content: Ephemeral } | undefined> {
  if (epoch !== context.engine.epoch(group.state)) return undefined
  const { conversationId } = group.record
  try {
    const signed = unseal(await epochKey(context, group), conversationId, ciphertext)
    const sender = context.engine
      .members(group.state)
      .find(({ signatureKey }) => Buffer.compare(signatureKey, signed.deviceId) === 0)
    const { signature } = signed
    const bytes = concatBytes(conversationId, signed.ephemeral)
    if (!sender || !verify(crypto, { label: LABEL, bytes, signature, publicKey: sender.signatureKey }))
      return undefined
    return { sender, content: fromBinary(EphemeralSchema, signed.ephemeral) }
  } catch {
    return undefined
  }
}

const epochKey = async ({ engine }: Context, group: LiveGroup): Promise<KeyObject> =>
  createSecretKey(await engine.exporter(group.state, EXPORTER_LABEL, KEY_BYTES))

function unseal(key: KeyObject, conversationId: Uint8Array, ciphertext: Uint8Array): SignedEphemeral {
  const end = ciphertext.length - TAG_BYTES
  const decipher = createDecipheriv(CIPHER, key, ciphertext.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(conversationId)
  decipher.setAuthTag(ciphertext.subarray(end))
  const opened = Buffer.concat([decipher.update(ciphertext.subarray(NONCE_BYTES, end)), decipher.final()])
  return fromBinary(SignedEphemeralSchema, opened)
}
