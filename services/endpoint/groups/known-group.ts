// A welcome to a group that this device knows, and has lost the state of, or was in. It is compared with what the device
// held last: otherwise a server, or a member, could put a group of their own in its place.

import { GroupKind } from '../../../gen/parley/content/v1/room_pb.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import type { AccountKey } from '../../protocol/keys.js'
import { accountsIn, isOwn, settingsOf } from './membership.js'
import type { GroupParts } from './parts.js'
import { encodeSettings, isAdmin, sameAccount } from './policy.js'
import type { LiveGroup } from './state/groups.js'
import { JoinRefused, type WelcomedGroup } from './welcome.js'

type Parts = Pick<GroupParts, 'account' | 'devices' | 'engine'>

/** Throws JoinRefused for a group that does not go on from the known one, as far as this device can tell. */
export function checkGoesOn(parts: Parts, known: LiveGroup, welcomed: WelcomedGroup): void {
  if (!goesOn(parts, known, welcomed)) throw new JoinRefused({ code: 'not-theirs' })
}

function goesOn(parts: Parts, known: LiveGroup, welcomed: WelcomedGroup): boolean {
  const { settings, signer, state } = welcomed
  if (settings.kind !== settingsOf(parts, known).kind) return false
  // A welcome of before leads back to an epoch that is over, and to those who were in it.
  if (parts.engine.epoch(state) <= parts.engine.epoch(known.state)) return false
  if (parts.devices.isRevoked(signer.signatureKey)) return false
  if (settings.kind === GroupKind.ROOM) return mayTakeIn(parts, known, welcomed)
  return isSubset(welcomed, accountsIn(parts, known))
}

/**
 * Whether the member whose signature is under it may take this device in. An admin may, and change what they like. Another
 * member may for a device that has asked for it, into the group as that device knows it: what has changed meanwhile is
 * for an admin to say.
 */
function mayTakeIn(parts: Parts, known: LiveGroup, welcomed: WelcomedGroup): boolean {
  const held = settingsOf(parts, known)
  const signer = parseVerifiedCertificate(welcomed.signer.identity)
  if (isAdmin(held, signer) || isOwn(parts, signer)) return true
  const members = accountsIn(parts, known)
  return (
    known.phase.name === 'out-of-sync' &&
    members.some(member => sameAccount(member, signer)) &&
    Buffer.compare(encodeSettings(held), encodeSettings(welcomed.settings)) === 0 &&
    isSubset(welcomed, members)
  )
}

/** Whether nobody else is in it. */
const isSubset = (
  { others }: Pick<WelcomedGroup, 'others'>,
  known: readonly { accountKey: AccountKey }[],
): boolean => others.every(other => known.some(account => sameAccount(account, other)))
