// Sealed messages, as the contract has them on the wire.

import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf'
import {
  CommitBundleSchema,
  type OutgoingEnvelopeSchema,
  RosterLeaveSchema,
} from '../../../gen/parley/v1/chat_pb.js'
import { SignedRejoinStatementSchema } from '../../../gen/parley/v1/rejoin_pb.js'
import type { Context } from '../context.js'
import type { Queued } from '../messages/sealing/outbox.js'

/** Bytes of the envelopes in one Send frame. */
const SEND_BYTES = 1024 * 1024

export type Outgoing = MessageInitShape<typeof OutgoingEnvelopeSchema>

type Groups = Pick<Context['groups'], 'get'>

/** In the order given, in frames of at most so many envelopes and SEND_BYTES (one larger envelope aside). */
export function framesOf(groups: Groups, queued: readonly Queued[], maxEnvelopes: number): Outgoing[][] {
  const frames: Outgoing[][] = []
  let room = 0
  for (const one of queued) {
    const size = bytesOf(one.item.what)
    const last = frames.at(-1)
    if (last && last.length < maxEnvelopes && size <= room) last.push(outgoing(groups, one))
    else {
      frames.push([outgoing(groups, one)])
      room = SEND_BYTES
    }
    room -= size
  }
  return frames
}

function outgoing(groups: Groups, { item }: Queued): Outgoing {
  const conversationId = groups.get(item.group)?.record.conversationId ?? new Uint8Array()
  const { clientSequence, what } = item
  if (what.case === 'content') {
    const { epoch, ciphertext } = what.value
    return { clientSequence, conversationId, envelope: { case: 'application', value: { epoch, ciphertext } } }
  }
  if (what.case === 'rejoin') {
    const value = fromBinary(SignedRejoinStatementSchema, what.value.request)
    return { clientSequence, conversationId, envelope: { case: 'rejoin', value } }
  }
  if (what.case === 'leave') {
    const value = fromBinary(RosterLeaveSchema, what.value.leave)
    return { clientSequence, conversationId, envelope: { case: 'leave', value } }
  }
  const bundle = what.case === 'commit' ? what.value.commitBundle : new Uint8Array()
  return {
    clientSequence,
    conversationId,
    envelope: { case: 'commit', value: fromBinary(CommitBundleSchema, bundle) },
  }
}

function bytesOf(what: Queued['item']['what']): number {
  if (what.case === 'content') return what.value.ciphertext.length
  return what.case === 'commit' ? what.value.commitBundle.length : 0
}
