// Another device has lost a group's state and asks to be removed and added again: the members do that by themselves.

import { toBinary } from '@bufbuild/protobuf'
import { type RejoinRequest, RejoinRequestSchema, type RosterLeave } from '../../../gen/parley/v1/chat_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { countsInEpoch, verifyRejoin } from '../../protocol/conversation/rejoin-request.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { type AccountKey, sameKey } from '../../protocol/keys.js'
import { verifyLeave } from '../../protocol/log/roster-leave.js'
import { crypto } from '../crypto.js'
import type { Transaction } from '../vault/records.js'
import { addDevices, intend } from './intents.js'
import type { GroupParts } from './parts.js'
import { withoutRequests } from './rejoin-basis.js'
import { myTurnMs, removeWhenOurTurn } from './self-removal.js'
import type { LiveGroup } from './state/groups.js'

/** Requests and leaves of a group that are remembered. */
const NONCES = 32

/**
 * Another device asks: the device whose turn it is removes it and adds it again, in one commit. Returns whose it is;
 * undefined for a request that is none.
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
  if (!member || isKnown || !countsInEpoch(request, parts.engine.epoch(group.state))) return undefined
  if (!verifyRejoin(crypto, { conversationId: record.conversationId, request })) return undefined
  const device = parseVerifiedCertificate(member.identity)
  const { deviceKey } = device
  const others = withoutRequests(record.rejoinRequests, [deviceKey])
  parts.groups.change(tx, group, {
    rejoinNonces: [...record.rejoinNonces, request.nonce].slice(-NONCES),
    rejoinRequests: [...others, toBinary(RejoinRequestSchema, request)],
  })
  if (!sameKey(deviceKey, parts.account.device.publicKey))
    intend(parts, tx, group, addDevices(device, [deviceKey]), myTurnMs(parts, group, [deviceKey]))
  return device.accountKey
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
