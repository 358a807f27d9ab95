import type { OutgoingEnvelope } from '../../../gen/parley/v1/chat_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { isHeadOfBundle, readBundleHead } from '../../protocol/log/bundle-head.js'
import { nodeCrypto } from '../../protocol/node/crypto.js'
import { malformed, type Reason } from '../store/reasons.js'
import type { DeviceId } from '../store/store.js'

/**
 * Why a commit is not given to the store: its head is not its own, or not of the device that sends it. The members look
 * for the same, and this keeps from their logs what they would not open. undefined: it is, or the send is no commit.
 */
export function checkCommitHead(
  device: DeviceId,
  { conversationId, envelope }: OutgoingEnvelope,
): Reason | undefined {
  if (envelope.case !== 'commit') return undefined
  const bundle = envelope.value
  const head = readBundleHead(nodeCrypto, bundle)
  if (!head || !equalBytes(head.deviceId, device))
    return malformed('the head of a commit bundle is not signed by the device that sends it')
  return isHeadOfBundle(nodeCrypto, head, { conversationId, bundle })
    ? undefined
    : malformed('the head of a commit bundle is of another one')
}
