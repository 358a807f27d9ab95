// Bundles with heads as any device can sign them, whatever it knows of the group.

import type { OwnAccount } from '../../services/endpoint/contacts/account.js'
import type { GroupState } from '../../services/endpoint/mls/engine.js'
import {
  type BundleParts,
  epochTagOf,
  makeBundleHead,
  type Predecessor,
  type SignedHead,
} from '../../services/protocol/log/bundle-head.js'
import { nodeCrypto } from '../../services/protocol/node/crypto.js'

interface HeadSetup {
  succeeds?: Predecessor | undefined
  /** It was made from this state; from one that nobody has unless given. */
  state?: GroupState
  epochTag?: Uint8Array
}

/** The tag of no epoch. */
export const NO_EPOCH = new Uint8Array(32)

export function signedAs<B extends BundleParts>(
  { device }: OwnAccount,
  conversationId: Uint8Array,
  bundle: B,
  { succeeds, state, ...given }: HeadSetup = {},
): B & SignedHead {
  const { epochTag = NO_EPOCH } = state
    ? { epochTag: epochTagOf(nodeCrypto, state.keySchedule.epochAuthenticator) }
    : given
  const head = makeBundleHead(nodeCrypto, {
    ...{ conversationId, bundle, epochTag, device },
    ...(succeeds && { succeeds }),
  })
  return { ...bundle, ...head }
}
