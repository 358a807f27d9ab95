// Content that matters only now: sealed under a key of the epoch, beside the message ratchet, and signed by the device.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Ephemeral, EphemeralSchema } from '../../../../gen/parley/content/v1/content_pb.js'
import {
  EPHEMERAL_KEY,
  openEphemeral as open,
  sealEphemeral as seal,
} from '../../../protocol/content/ephemeral.js'
import { sameKey } from '../../../protocol/keys.js'
import { AEAD_NONCE_BYTES } from '../../../protocol/sizes.js'
import { crypto } from '../../crypto.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import type { Member } from '../../mls/engine.js'
import type { MessageParts } from './parts.js'

/** Seals for the group's present epoch. Changes no state. */
export async function sealEphemeral(
  parts: Pick<MessageParts, 'account' | 'engine' | 'random'>,
  group: LiveGroup,
  content: MessageInitShape<typeof EphemeralSchema>,
): Promise<{ epoch: bigint; ciphertext: Uint8Array }> {
  const { device } = parts.account
  const { conversationId } = group.record
  const nonce = parts.random.bytes(AEAD_NONCE_BYTES)
  const key = await epochKey(parts, group)
  return {
    epoch: parts.engine.epoch(group.state),
    ciphertext: seal(crypto, { key, conversationId, device, content, nonce }),
  }
}

/** The content and its verified sender; undefined for what is of another epoch, altered, or no member's. */
export async function openEphemeral(
  parts: Pick<MessageParts, 'engine'>,
  group: LiveGroup,
  { epoch, ciphertext }: { epoch: bigint; ciphertext: Uint8Array },
): Promise<{ sender: Member; content: Ephemeral } | undefined> {
  if (epoch !== parts.engine.epoch(group.state)) return undefined
  const { conversationId } = group.record
  const key = await epochKey(parts, group)
  const opened = open(crypto, { key, conversationId, ciphertext })
  const sender = parts.engine
    .members(group.state)
    .find(({ signatureKey }) => opened && sameKey(signatureKey, opened.deviceId))
  return opened && sender && { sender, content: opened.content }
}

const epochKey = ({ engine }: Pick<MessageParts, 'engine'>, group: LiveGroup): Promise<Uint8Array> =>
  engine.exporter(group.state, EPHEMERAL_KEY.label, EPHEMERAL_KEY.bytes)
