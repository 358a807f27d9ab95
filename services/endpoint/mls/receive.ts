import { decodeStrict, equalBytes } from './codec.js'
import { type CommitPolicy, type OpenedCommit, openCommit, PolicyFailed } from './commit/receive-commit.js'
import type { MlsContext } from './context.js'
import type { ClientState, PrivateMessage } from './library.js'
import { type Member, memberAt } from './members.js'
import { asRefused, type MlsCause, MlsRefused } from './refused.js'
import { type RatchetPlace, withSecretTree } from './state.js'
import { type ReceiverData, unprotect } from './unprotect.js'

export type Opened =
  | {
      kind: 'application'
      state: ClientState
      /** Of the leaf whose key verified the message. */
      sender: Member
      plaintext: Uint8Array
      epoch: bigint
      changed: RatchetPlace
      /** Secrets that the state before this one still holds; wipe() them once the new state is saved. */
      spent: Uint8Array[]
    }
  | OpenedCommit
  /** From an epoch that we have not reached: keep it until the commits in between have arrived. */
  | { kind: 'future-epoch' }
  /** From an epoch whose keys are gone, or a commit that lost its race. */
  | { kind: 'old-epoch'; epoch: bigint }

/** Opens what came from the server for this group. Does not throw, unless `policy` does. */
export async function open(
  context: MlsContext,
  state: ClientState,
  bytes: Uint8Array,
  policy: CommitPolicy,
): Promise<Opened> {
  try {
    const message = privateMessage(bytes)
    // The library takes a message of another group for one that was tampered with.
    if (!equalBytes(message.groupId, state.groupContext.groupId)) return refusedBecause('wrong-group')
    if (message.contentType === 'proposal') return refusedBecause('standalone-proposal')
    if (message.epoch > state.groupContext.epoch) return { kind: 'future-epoch' }
    if (message.contentType === 'application') return await openApplication(context, state, message)
    if (message.epoch < state.groupContext.epoch) return { kind: 'old-epoch', epoch: message.epoch }
    return await openCommit(context, state, message, policy)
  } catch (error) {
    if (error instanceof PolicyFailed) throw error.cause
    return refusedBecause(asRefused(error, 'not-authentic').why)
  }
}

function refusedBecause(cause: MlsCause): Opened {
  return { kind: 'refused', cause }
}

function privateMessage(bytes: Uint8Array): PrivateMessage {
  const message = decodeStrict(bytes)
  if (message.wireformat !== 'mls_private_message') throw new MlsRefused('unsupported')
  return message.privateMessage
}

async function openApplication(
  context: MlsContext,
  state: ClientState,
  message: PrivateMessage,
): Promise<Opened> {
  const epoch = epochData(state, message.epoch)
  if (epoch === undefined) return { kind: 'old-epoch', epoch: message.epoch }
  const opened = await unprotect(context, epoch, message)
  const { content } = opened.content
  if (content.contentType !== 'application' || content.sender.senderType !== 'member')
    throw new MlsRefused('malformed')
  if (content.authenticatedData.length > 0) throw new MlsRefused('unsupported')
  const sender = memberAt(epoch.ratchetTree, content.sender.leafIndex)
  if (sender === undefined) throw new MlsRefused('not-authentic')
  return {
    kind: 'application',
    state: withSecretTree(state, message.epoch, opened.tree),
    sender,
    plaintext: content.applicationData,
    epoch: message.epoch,
    changed: { epoch: message.epoch, leaf: sender.leaf },
    spent: opened.consumed,
  }
}

function epochData(state: ClientState, epoch: bigint): ReceiverData | undefined {
  if (epoch !== state.groupContext.epoch) return state.historicalReceiverData.get(epoch)
  const { secretTree, ratchetTree, groupContext, keySchedule } = state
  return { secretTree, ratchetTree, groupContext, senderDataSecret: keySchedule.senderDataSecret }
}
