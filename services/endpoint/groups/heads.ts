// The heads of commit bundles: this device signs those that it sends, and opens nothing of a commit or a welcome that no
// member has signed, whatever the server says of it.

import type {
  DeliveredCommit,
  DeliveredWelcome,
  Envelope,
  Successor,
} from '../../../gen/parley/v1/chat_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import {
  type BundleParts,
  epochTagOf,
  isHeadOfCommit,
  isHeadOfWelcome,
  makeBundleHead,
  type Predecessor,
  readBundleHead,
  type SignedHead,
} from '../../protocol/log/bundle-head.js'
import { crypto } from '../crypto.js'
import type { GroupState, Member } from '../mls/engine.js'
import type { GroupParts } from './parts.js'
import type { LiveGroup } from './state/groups.js'
import { JoinRefused } from './welcome.js'

/**
 * The bundle of a commit that was made from this state, with its head, by this device. `succeeds`: the conversation that
 * the new one goes on in place of.
 */
export function signed<B extends BundleParts>(
  { account: { device }, engine }: Pick<GroupParts, 'account' | 'engine'>,
  state: GroupState,
  bundle: B,
  succeeds?: Predecessor,
): B & SignedHead {
  const conversationId = engine.groupId(state)
  const epochTag = epochTagIn(engine, state)
  const head = makeBundleHead(crypto, {
    ...{ conversationId, bundle, epochTag, device },
    ...(succeeds && { succeeds }),
  })
  return { ...bundle, ...head }
}

const epochTagIn = (
  engine: Pick<GroupParts['engine'], 'epochAuthenticator'>,
  state: GroupState,
): Uint8Array => epochTagOf(crypto, engine.epochAuthenticator(state))

export interface CommitSigner {
  member: Member
  /** It says that it has the state that this device has. */
  hasOurState: boolean
}

/** The signer of a delivered commit. undefined: nobody that is in the group now, so the server lies. */
export function commitSigner(
  { engine }: Pick<GroupParts, 'engine'>,
  { record: { conversationId }, state }: Pick<LiveGroup, 'record' | 'state'>,
  commit: DeliveredCommit,
): CommitSigner | undefined {
  const head = readBundleHead(crypto, commit)
  if (!head || !isHeadOfCommit(crypto, head, { conversationId, commit })) return undefined
  const member = memberOf(engine, state, head.deviceId)
  return member && { member, hasOurState: equalBytes(head.epochTag, epochTagIn(engine, state)) }
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

/** The member who has made the conversation of this id in place of this one; undefined: none has. */
export function successorMaker(
  { engine }: Pick<GroupParts, 'engine'>,
  { record, state }: Pick<LiveGroup, 'record' | 'state'>,
  { conversationId, ...signedHead }: Successor,
): Member | undefined {
  const head = readBundleHead(crypto, signedHead)
  if (!head || !equalBytes(head.conversationId, conversationId)) return undefined
  return equalBytes(head.succeeds, record.conversationId) ? memberOf(engine, state, head.deviceId) : undefined
}

const memberOf = (
  engine: Pick<GroupParts['engine'], 'members'>,
  state: GroupState,
  deviceId: Uint8Array,
): Member | undefined => engine.members(state).find(({ signatureKey }) => equalBytes(signatureKey, deviceId))
