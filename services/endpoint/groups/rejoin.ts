// Another device has lost a group's state and asks to be removed and added again: the members do that by themselves.

import type { RejoinRequest, RosterLeave } from '../../../gen/parley/v1/chat_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { verifyRejoin } from '../../protocol/conversation/rejoin-request.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { type AccountKey, includesKey } from '../../protocol/keys.js'
import { verifyLeave } from '../../protocol/log/roster-leave.js'
import { crypto } from '../crypto.js'
import type { Candidate } from '../mls/engine.js'
import type { Transaction } from '../vault/records.js'
import { addDevices, intend } from './intents.js'
import type { GroupParts } from './parts.js'
import { removeWhenOurTurn } from './self-removal.js'
import type { LiveGroup } from './state/groups.js'

/** Requests and leaves of a group that are remembered. */
const NONCES = 32
/**
 * Another device asks: the device whose turn it is removes it and adds it again. Returns whose it is; undefined for a
 * request that is none.
 */
export function takeRejoin(
  parts: Pick<GroupParts, 'account' | 'clock' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  request: RejoinRequest,
): AccountKey | undefined {
  const { record } = group
  const member = parts.engine
    .members(group.state)
    .find(({ signatureKey }) => equalBytes(signatureKey, request.deviceId))
  const isKnown = record.rejoinNonces.some(nonce => equalBytes(nonce, request.nonce))
  if (!member || isKnown || !verifyRejoin(crypto, { conversationId: record.conversationId, request }))
    return undefined
  parts.groups.change(tx, group, {
    rejoinNonces: [...record.rejoinNonces, request.nonce].slice(-NONCES),
    rejoiningDeviceIds: [...record.rejoiningDeviceIds, member.signatureKey],
  })
  removeWhenOurTurn(parts, tx, group, [member.signatureKey])
  return parseVerifiedCertificate(member.identity).accountKey
}

/** Another device has left the roster by itself: the device whose turn it is removes its leaf. */
export function takeRosterLeave(
  parts: Pick<GroupParts, 'account' | 'clock' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  leave: RosterLeave,
): void {
  const { record } = group
  const { deviceId, nonce, epoch } = leave
  const isKnown = record.rejoinNonces.some(known => equalBytes(known, nonce))
  const member = parts.engine
    .members(group.state)
    .find(({ signatureKey }) => equalBytes(signatureKey, deviceId))
  if (!member || isKnown) return
  // It has joined again since, and has not said so of that.
  if (group.sender(member.signatureKey).joinedEpoch > epoch) return
  if (!verifyLeave(crypto, { conversationId: record.conversationId, leave })) return
  parts.groups.change(tx, group, { rejoinNonces: [...record.rejoinNonces, nonce].slice(-NONCES) })
  removeWhenOurTurn(parts, tx, group, [member.signatureKey])
}

/** These devices were removed: those that asked to rejoin are added again, by whoever's turn it is. */
export function addAgain(
  parts: Pick<GroupParts, 'clock' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  removed: readonly Candidate[],
  delayMs: number,
): void {
  const { record } = group
  for (const { identity, signatureKey } of removed) {
    const asked = includesKey(record.rejoiningDeviceIds, signatureKey)
    if (!asked) continue
    const device = parseVerifiedCertificate(identity)
    intend(parts, tx, group, addDevices(device, [device.deviceKey]), delayMs)
  }
}
