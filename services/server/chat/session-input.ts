// What the client's frames do. Frames are read one by one, and not while too much waits already.

import type { ChatRequest, OutgoingEnvelope } from '../../../gen/parley/v1/chat_pb.js'
import { frameFailure } from '../auth/failure.js'
import { type RelayLimits, UNSENT_ANSWERS } from '../limits.js'
import type { Parts } from './session-parts.js'

/** Reads until the client ends its side or the stream is over. Throws what the stream then fails with. */
export async function listen(parts: Parts, requests: AsyncIterator<ChatRequest>): Promise<void> {
  const { state, changed, room } = parts
  for (;;) {
    const { done, value } = await requests.next()
    if (state.closing || state.failed) return
    state.heardAtMs = Date.now()
    if (done) break
    await hear(parts, value)
    while (isFull(parts) && !state.closing && !state.failed) await room.wait()
  }
  state.clientEnded = true
  changed.raise()
}

/** Whether so much waits already that the client's next frame is better left unread. */
function isFull({ sends, answers, state }: Parts): boolean {
  return sends.full() || answers.size() + state.pongs.length >= UNSENT_ANSWERS
}

async function hear(parts: Parts, { frame }: ChatRequest): Promise<void> {
  const { state, delivery, changed } = parts
  switch (frame.case) {
    case 'send':
      return hearSend(parts, frame.value.envelopes)
    case 'ack':
      if (frame.value.cursor.length === 0) throw frameFailure('Ack: its cursor is empty')
      return delivery.acked(frame.value.cursor)
    case 'ping':
      state.pongs.push(frame.value.nonce)
      return changed.raise()
    case 'pong':
      return
    case 'open':
      throw frameFailure('Open: only the first frame of a stream may be one')
    default:
      throw frameFailure('a frame with no case that this server knows')
  }
}

async function hearSend({ options, sends }: Parts, envelopes: readonly OutgoingEnvelope[]): Promise<void> {
  const { limits, bucket, passEphemeral, device } = options
  checkSend(envelopes, limits)
  const numbered = envelopes.filter(({ envelope }) => envelope.case !== 'ephemeral')
  if (numbered.length > 0) sends.add(numbered)
  if (numbered.length === envelopes.length) return
  for (const outgoing of envelopes) {
    const { envelope } = outgoing
    if (envelope.case !== 'ephemeral' || envelope.value.ciphertext.length > limits.applicationBytes) continue
    if (bucket.take(1) === 1) await passEphemeral(device, outgoing)
  }
}

/** Throws INVALID_ARGUMENT for what breaks a rule of Send itself; the store looks at each envelope. */
function checkSend(envelopes: readonly OutgoingEnvelope[], limits: RelayLimits): void {
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
