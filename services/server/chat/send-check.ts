import type { OutgoingEnvelope } from '../../../gen/parley/v1/chat_pb.js'
import { frameFailure } from '../auth/failure.js'

/** Throws INVALID_ARGUMENT for what breaks a rule of Send itself; the store looks at each envelope. */
export function checkSend(
  envelopes: readonly OutgoingEnvelope[],
  limits: { readonly envelopesPerSend: number },
): void {
  if (envelopes.length === 0) throw frameFailure('Send: it has no envelope')
  if (envelopes.length > limits.envelopesPerSend)
    throw frameFailure(`Send: ${envelopes.length} envelopes, at most ${limits.envelopesPerSend} are allowed`)
  for (const { clientSequence, envelope } of envelopes) {
    if (envelope.case !== 'ephemeral' && clientSequence === 0n)
      throw frameFailure('Send: client_sequence 0 is for ephemeral envelopes only')
    if (envelope.case === 'ephemeral' && clientSequence !== 0n)
      throw frameFailure('Send: an ephemeral envelope has no client_sequence')
  }
}
