// Who is here: devices say so to those whom they have a conversation with, end to end, while they are connected.

import type { EphemeralEnvelope } from '../../../gen/parley/v1/chat_pb.js'
import { GroupStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import type { Context } from '../context.js'
import type { EndpointEvent } from '../events.js'
import type { LiveGroup } from '../groups/groups.js'
import { openEphemeral, sealEphemeral } from '../messages/ephemeral.js'
import { isSilent } from '../messages/seal.js'
import type { Outgoing } from './send-loop.js'

/** As proto/parley/content/v1 says, in ms. */
export const PRESENCE_INTERVAL_MS = 15_000
const GONE_AFTER_MS = 40_000
const IGNORED_AFTER_MS = 120_000
/** In larger conversations nobody says so: everybody asks after a commit, everybody answers, and all of it goes to everybody. */
const PRESENCE_DEVICES = 8

export interface Presence {
  isHere(handle: string): boolean
  /** Says that this device is here, or leaves: in these groups, or in all of them. */
  announce(what: { here: boolean; asks: boolean }, groups?: readonly LiveGroup[]): Promise<Outgoing[]>
  /** Takes in what a peer says; returns the answer, if it wants one. */
  take(conversationId: Uint8Array, envelope: EphemeralEnvelope): Promise<Outgoing[]>
  /** Those of whom nothing was heard lately have gone. */
  expire(now: number): void
  /** The line is down: nothing is known of anybody. */
  forget(): void
}

export function openPresence(context: Context, emit: (event: EndpointEvent) => void): Presence {
  /** By handle: when it was last heard, in ms since 1970. */
  const present = new Map<string, number>()
  const lastSent = new Map<string, bigint>()

  const say = async (group: LiveGroup, what: { here: boolean; asks: boolean }): Promise<Outgoing> => {
    const value = await sealEphemeral(context, group, {
      sentAtMs: BigInt(context.clock.now()),
      body: { case: 'presence', value: what },
    })
    return {
      clientSequence: 0n,
      conversationId: group.record.conversationId,
      envelope: { case: 'ephemeral', value },
    }
  }
  const set = (handle: string, here: boolean) => {
    const was = present.has(handle)
    if (here) present.set(handle, context.clock.now())
    else present.delete(handle)
    if (was !== here) emit({ type: 'presence', handle, here })
  }

  return {
    isHere: handle => present.has(handle),
    async announce(what, groups = context.groups.all()) {
      const active = groups.filter(
        group => group.record.status === GroupStatus.ACTIVE && mayHear(context, group),
      )
      return await Promise.all(active.map(group => say(group, what)))
    },
    async take(conversationId, envelope) {
      const group = context.groups.byId(conversationId)
      if (group?.record.status !== GroupStatus.ACTIVE) return []
      const opened = await openEphemeral(context, group, envelope)
      if (opened?.content.body.case !== 'presence') return []
      const { sentAtMs, body } = opened.content
      const { handle, accountKey } = parseVerifiedCertificate(opened.sender.identity)
      const { contacts } = context
      if (contacts.isBlocked(handle) || contacts.trust(handle, accountKey) === 'other') return []
      const device = Buffer.from(opened.sender.signatureKey).toString('hex')
      const isOld =
        sentAtMs <= (lastSent.get(device) ?? 0n) || Number(sentAtMs) < context.clock.now() - IGNORED_AFTER_MS
      if (isOld || handle === context.account.handle) return []
      lastSent.set(device, sentAtMs)
      set(handle, body.value.here)
      return body.value.asks && mayHear(context, group) ? [await say(group, { here: true, asks: false })] : []
    },
    expire(now) {
      for (const [handle, heardAt] of present) if (now - heardAt > GONE_AFTER_MS) set(handle, false)
    },
    forget: () => present.clear(),
  }
}

/** Nobody who is blocked is in it, nor somebody whose changed key nobody has accepted. */
function mayHear(context: Context, group: LiveGroup): boolean {
  if (isSilent(context, group) || context.engine.members(group.state).length > PRESENCE_DEVICES) return false
  const blocked = context.contacts.all().filter(contact => contact.blocked)
  if (blocked.length === 0) return true
  const handles = context.engine
    .members(group.state)
    .map(({ identity }) => parseVerifiedCertificate(identity).handle)
  return !blocked.some(({ handle }) => handles.includes(handle))
}
