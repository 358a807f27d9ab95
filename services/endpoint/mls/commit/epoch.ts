// From a commit to the epoch that it begins (RFC 9420 sections 8 and 12.4): the same for the one who makes it and for
// those who take it.

import { wipe } from '../codec.js'
import type { MlsContext } from '../context.js'
import {
  type ClientState,
  createSecretTree,
  type EpochSecrets,
  type FramedContentCommit,
  type GroupContext,
  initializeEpoch,
  leafWidth,
  nextEpochContext,
  type RatchetTree,
} from '../library.js'
import { withoutOldKeys } from '../state.js'
import type { PathSecrets } from './path.js'

export interface NextEpoch {
  groupContext: GroupContext
  /** leave() them when they were used. */
  secrets: EpochSecrets
}

/** @param signed the commit, and the group as its proposals and its path leave it. */
export async function nextEpoch(
  { suite }: MlsContext,
  state: ClientState,
  signed: { content: FramedContentCommit; signature: Uint8Array },
  next: { extensions: GroupContext['extensions']; treeHash: Uint8Array; commitSecret: Uint8Array },
): Promise<NextEpoch> {
  const groupContext = await nextEpochContext(
    { ...state.groupContext, extensions: next.extensions },
    'mls_private_message',
    signed.content,
    signed.signature,
    next.treeHash,
    state.confirmationTag,
    suite.hash,
  )
  const { initSecret } = state.keySchedule
  const noPsk = new Uint8Array(suite.kdf.size)
  const secrets = await initializeEpoch(initSecret, next.commitSecret, groupContext, noPsk, suite.kdf)
  wipe([next.commitSecret])
  return { groupContext, secrets }
}

/** The state in the new epoch, without past ones. */
export async function enter(
  { suite }: MlsContext,
  state: ClientState,
  { groupContext, secrets }: NextEpoch,
  next: { tree: RatchetTree; privatePath: PathSecrets['privatePath']; confirmationTag: Uint8Array },
): Promise<ClientState> {
  return withoutOldKeys({
    ...state,
    groupContext,
    keySchedule: secrets.keySchedule,
    secretTree: await createSecretTree(leafWidth(next.tree.length), secrets.encryptionSecret, suite.kdf),
    ratchetTree: next.tree,
    privatePath: next.privatePath,
    confirmationTag: next.confirmationTag,
    unappliedProposals: {},
    historicalReceiverData: new Map(),
  })
}

/** Wipes what only the way into the epoch needed. */
export function leave({ secrets }: NextEpoch): void {
  wipe([secrets.joinerSecret, secrets.welcomeSecret, secrets.encryptionSecret])
}
