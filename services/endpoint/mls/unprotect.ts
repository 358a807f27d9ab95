// Opening a message, as the library's processPrivateMessage does, one level down: that one does not say
// who the sender is, and takes commits as it likes.

import { MAX_SKIPPED_MESSAGES, type MlsContext } from './context.js'
import {
  decryptSenderData,
  type EpochReceiverData,
  type PrivateMessage,
  unprotectPrivateMessage,
} from './library.js'
import { nodeOfLeaf } from './members.js'
import { type MlsCause, MlsRefused } from './refused.js'

export type ReceiverData = Omit<EpochReceiverData, 'resumptionPsk'>

/**
 * Decrypts a message and verifies its sender's signature.
 *
 * @throws MlsRefused: replayed, too-far-ahead or not-authentic
 */
export async function unprotect(context: MlsContext, epoch: ReceiverData, message: PrivateMessage) {
  const { senderDataSecret, secretTree, ratchetTree, groupContext } = epoch
  const { keyRetentionConfig } = context.config
  try {
    return await unprotectPrivateMessage(
      senderDataSecret,
      message,
      secretTree,
      ratchetTree,
      groupContext,
      keyRetentionConfig,
      context.suite,
    )
  } catch (error) {
    throw new MlsRefused(await whyUnopened(context, epoch, message), { cause: error })
  }
}

/** The library tells these apart in the text of its errors only. */
async function whyUnopened(
  context: MlsContext,
  epoch: ReceiverData,
  message: PrivateMessage,
): Promise<MlsCause> {
  try {
    const sender = await decryptSenderData(message, epoch.senderDataSecret, context.suite)
    const node = sender && epoch.secretTree[nodeOfLeaf(sender.leafIndex)]
    if (sender === undefined || node === undefined) return 'not-authentic'
    const ratchet = message.contentType === 'application' ? node.application : node.handshake
    if (sender.generation < ratchet.generation) return 'replayed'
    return sender.generation - ratchet.generation > MAX_SKIPPED_MESSAGES ? 'too-far-ahead' : 'not-authentic'
  } catch {
    return 'not-authentic'
  }
}
