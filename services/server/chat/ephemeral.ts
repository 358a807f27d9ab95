import { create } from '@bufbuild/protobuf'
import { EnvelopeSchema, type OutgoingEnvelope } from '../../../gen/parley/v1/chat_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import type { Cluster } from '../cluster.js'
import type { DeviceId, Log } from '../store/store.js'

/** Passes an ephemeral envelope on to the other members who are there, if its sender is a member. */
export type PassEphemeral = (sender: DeviceId, outgoing: OutgoingEnvelope) => Promise<void>

export function ephemeralTo(cluster: Pick<Cluster, 'ephemeral'>, log: Pick<Log, 'roster'>): PassEphemeral {
  return async (sender, { conversationId, envelope }) => {
    if (envelope.case !== 'ephemeral') return
    const members = (await log.roster(conversationId)) ?? []
    const others = members.filter(member => !equalBytes(member, sender))
    if (others.length === members.length) return
    const storedAtMs = BigInt(Date.now())
    cluster.ephemeral(others, create(EnvelopeSchema, { conversationId, storedAtMs, envelope }))
  }
}
