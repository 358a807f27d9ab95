// Facts to try the rules with: devices by number, and conversations of them.

import { create } from '@bufbuild/protobuf'
import {
  type CommitBundle,
  CommitBundleSchema,
  type OutgoingEnvelope,
  OutgoingEnvelopeSchema,
} from '../../../../gen/parley/v1/chat_pb.js'
import { LIMITS } from '../../../../services/server/limits.js'
import { NO_COMMITS } from '../../../../services/server/store/commit-limits.js'
import type { ConversationFacts, DeviceFacts } from '../../../../services/server/store/facts.js'
import type { SendFacts } from '../../../../services/server/store/rules.js'
import type { DeviceId } from '../../../../services/server/store/store.js'
import { bytesOf } from '../../../support/store-world.js'

export const CONVERSATION_ID = bytesOf('conversation', 16)

export const idOf = (key: number): DeviceId => bytesOf(`device ${key}`)

export function device(key: number, of: Partial<DeviceFacts> = {}): DeviceFacts {
  const counts = { clientSequence: 0, conversations: 0, commitsFreeAt: 0 }
  return { key, id: idOf(key), account: key, ...counts, blocked: undefined, ...of }
}

/** A conversation of these devices, all of whom joined with the record 10. */
export function conversation(
  members: readonly number[],
  of: Partial<ConversationFacts> = {},
): ConversationFacts {
  return {
    ...{ key: 1, id: CONVERSATION_ID, epoch: 1, lastCommit: 10, sharedEpoch: 1 },
    ...{ expiredThrough: 0, expiredShown: 0 },
    ...{
      creator: idOf(0),
      removed: new Map(),
      gone: new Map(),
      commitsFreeAt: NO_COMMITS,
      successors: undefined,
    },
    members: new Map(members.map(key => [key, idOf(key)])),
    spans: new Map(
      members.map(key => [key, [{ joined: 10, joinedEpoch: 1, left: undefined, leftShown: 0 }]]),
    ),
    ...of,
  }
}

/** When a send is decided on. */
export const NOW = Date.UTC(2026, 0, 1)

/** The facts of a send by device 0, in a world of these devices. */
export function facts(devices: readonly DeviceFacts[], of: Partial<SendFacts> = {}): SendFacts {
  const byId = new Map(devices.map(each => [Buffer.from(each.id).toString('hex'), each]))
  return {
    sender: devices[0],
    conversation: undefined,
    limits: LIMITS,
    now: NOW,
    deviceOf: id => byId.get(Buffer.from(id).toString('hex')),
    conversationOf: () => undefined,
    ...of,
  }
}

export function send(
  envelope: OutgoingEnvelope['envelope'],
  of: { clientSequence?: bigint; conversationId?: Uint8Array } = {},
): OutgoingEnvelope {
  const { clientSequence = 1n, conversationId = CONVERSATION_ID } = of
  return create(OutgoingEnvelopeSchema, { clientSequence, conversationId, envelope })
}

export interface BundleInit {
  epoch?: bigint
  creates?: boolean
  commit?: Uint8Array
  added?: readonly number[]
  removed?: readonly number[]
  /** The devices that each welcome is for. Default: one for each that is added. */
  welcomes?: readonly (readonly number[])[]
}

export function bundle(init: BundleInit = {}): CommitBundle {
  const { epoch = 1n, creates = false, commit = bytesOf('commit'), added = [], removed = [] } = init
  const welcomes = init.welcomes ?? added.map(key => [key])
  return create(CommitBundleSchema, {
    ...{ epoch, creates, commit },
    rosterChange: { addedDeviceIds: added.map(idOf), removedDeviceIds: removed.map(idOf) },
    welcomes: welcomes.map(keys => ({ deviceIds: keys.map(idOf), welcome: bytesOf('welcome') })),
  })
}
