// The heads of commit bundles: this device signs those that it sends, and opens nothing of a commit or a welcome that no
// member has signed, whatever the server says of it.

import type { DeliveredCommit, DeliveredWelcome, Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import type { DeviceKey } from '../../protocol/keys.js'
import {
  type BundleParts,
  isHeadOfCommit,
  isHeadOfWelcome,
  makeBundleHead,
  readBundleHead,
  type SignedHead,
} from '../../protocol/log/bundle-head.js'
import { crypto } from '../crypto.js'
import type { GroupState } from '../mls/engine.js'
import type { GroupParts } from './parts.js'
import type { LiveGroup } from './state/groups.js'
import { JoinRefused } from './welcome.js'

/** The bundle with its head, by this device. */
export function signed<B extends BundleParts>(
  { account: { device } }: Pick<GroupParts, 'account'>,
  conversationId: Uint8Array,
  bundle: B,
): B & SignedHead {
  return { ...bundle, ...makeBundleHead(crypto, { conversationId, bundle, device }) }
}

/** The device that a delivered commit is signed by. undefined: by none that is in the group now, so the server lies. */
export function commitSigner(
  { engine }: Pick<GroupParts, 'engine'>,
  { record: { conversationId }, state }: Pick<LiveGroup, 'record' | 'state'>,
  commit: DeliveredCommit,
): DeviceKey | undefined {
  const head = readBundleHead(crypto, commit)
  if (!head || !isHeadOfCommit(crypto, head, { conversationId, commit })) return undefined
  return memberOf(engine, state, head.deviceId)
}

/** The id of the device that a delivered welcome is signed by. Throws JoinRefused: it is by none. */
export function welcomeSigner(
  { conversationId }: Pick<Envelope, 'conversationId'>,
  welcome: DeliveredWelcome,
): Uint8Array {
  const head = readBundleHead(crypto, welcome)
  if (!head || !isHeadOfWelcome(crypto, head, { conversationId, welcome }))
    throw new JoinRefused({ code: 'not-signed' })
  return head.deviceId
}

/** Throws JoinRefused for a welcome to a group in which its signer is nobody. */
export function demandMember(
  { engine }: Pick<GroupParts, 'engine'>,
  state: GroupState,
  signer: Uint8Array,
): void {
  if (!memberOf(engine, state, signer)) throw new JoinRefused({ code: 'not-signed' })
}

const memberOf = (
  engine: Pick<GroupParts['engine'], 'members'>,
  state: GroupState,
  deviceId: Uint8Array,
): DeviceKey | undefined =>
  engine.members(state).find(({ signatureKey }) => equalBytes(signatureKey, deviceId))?.signatureKey
