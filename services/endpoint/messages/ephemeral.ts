// What matters only now: sealed under a key of the epoch, beside the message ratchet, and signed by the device.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Ephemeral, EphemeralSchema } from '../../../gen/parley/content/v1/content_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import {
  EPHEMERAL_KEY,
  openEphemeral as open,
  sealEphemeral as seal,
} from '../../protocol/content/ephemeral.js'
import { AEAD_NONCE_BYTES } from '../../protocol/sizes.js'
import type { Context } from '../context.js'
import { crypto } from '../crypto.js'
import type { LiveGroup } from '../groups/groups.js'
import type { Member } from '../mls/engine.js'

/** Seals for the group's present epoch. Changes no state. */
export async function sealEphemeral(
  context: Context,
  group: LiveGroup,
  content: MessageInitShape<typeof EphemeralSchema>,
): Promise<{ epoch: bigint; ciphertext: Uint8Array }> {
  const { device } = context.account
  const { conversationId } = group.record
  const nonce = context.random.bytes(AEAD_NONCE_BYTES)
  const key = await epochKey(context, group)
  return {
    epoch: context.engine.epoch(group.state),
    ciphertext: seal(crypto, { key, conversationId, device, content, nonce }),
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
  const key = await epochKey(context, group)
  const opened = open(crypto, { key, conversationId, ciphertext })
  const sender = context.engine
    .members(group.state)
    .find(({ signatureKey }) => opened && equalBytes(signatureKey, opened.deviceId))
  return opened && sender && { sender, content: opened.content }
}

const epochKey = ({ engine }: Context, group: LiveGroup): Promise<Uint8Array> =>
  engine.exporter(group.state, EPHEMERAL_KEY.label, EPHEMERAL_KEY.bytes)
