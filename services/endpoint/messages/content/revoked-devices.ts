// A device that its account has revoked: the account's signature says so, so that every member may remove it.

import { IdentityError } from '../../../protocol/error.js'
import { makeRevocation, type Revocation, readRevocation } from '../../../protocol/identity/revocation.js'
import { type DeviceKey, includesKey, sameKey } from '../../../protocol/keys.js'
import { crypto } from '../../crypto.js'
import { intend, removeDevices } from '../../groups/intents.js'
import { accountsIn, isOwn } from '../../groups/membership.js'
import { sameAccount } from '../../groups/policy.js'
import { removeWhenOurTurn } from '../../groups/self-removal.js'
import { can } from '../../groups/state/group.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import type { Transaction } from '../../vault/records.js'
import type { MessageParts } from '../sealing/parts.js'
import { ownDeviceGroups, sealBody } from '../sealing/seal.js'

/** Revokes a device of this account: tells the groups that it is in, and removes it there. The server is told apart. */
export async function revoke(
  parts: Pick<
    MessageParts,
    'account' | 'clock' | 'conversations' | 'devices' | 'engine' | 'groups' | 'intents' | 'outbox'
  >,
  tx: Transaction,
  deviceId: DeviceKey,
): Promise<void> {
  const { handle, account } = parts.account
  const deviceRevocation = makeRevocation(crypto, {
    ...{ handle, account, deviceKey: deviceId },
    revokedAt: parts.clock.now(),
  })
  const told = ownDeviceGroups(parts).some(group => isMember(parts, group, deviceId))
  parts.devices.change(tx, deviceId, {
    revocation: deviceRevocation,
    revocationDone: false,
    revocationDue: !told,
  })
  for (const group of parts.groups.all()) {
    if (!can(group.phase, 'tell-devices') || !isMember(parts, group, deviceId)) continue
    await sealBody(parts, tx, group, { case: 'revoked', value: { deviceRevocation } })
    intend(parts, tx, group, removeDevices([deviceId]))
  }
}

/** Tells the other devices what this one has revoked before it was in a group with them. */
export async function sealRevocations(
  parts: Pick<
    MessageParts,
    'account' | 'clock' | 'conversations' | 'devices' | 'engine' | 'groups' | 'outbox'
  >,
  tx: Transaction,
): Promise<void> {
  const due = parts.devices.all().filter(({ revocationDue }) => revocationDue)
  const groups = due.length > 0 ? ownDeviceGroups(parts) : []
  if (groups.length === 0) return
  for (const { deviceId, revocation: deviceRevocation } of due) {
    for (const group of groups)
      await sealBody(parts, tx, group, { case: 'revoked', value: { deviceRevocation } })
    parts.devices.change(tx, deviceId, { revocationDue: false })
  }
}

const isMember = (
  { engine }: Pick<MessageParts, 'engine'>,
  { state }: LiveGroup,
  deviceId: DeviceKey,
): boolean => engine.members(state).some(({ signatureKey }) => sameKey(signatureKey, deviceId))

/** Somebody shows a revocation. A revocation that does not hold, or is of nobody here, is ignored. */
export function takeRevoked(
  parts: Pick<MessageParts, 'account' | 'clock' | 'contacts' | 'devices' | 'engine' | 'groups' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  deviceRevocation: Uint8Array,
): void {
  const revocation = verified(deviceRevocation)
  const account = revocation && accountsIn(parts, group).find(each => sameAccount(each, revocation))
  if (!account) return
  const { deviceKey } = revocation
  if (isOwn(parts, account)) {
    parts.devices.change(tx, deviceKey, { revocation: deviceRevocation })
    tx.tell({ type: 'devices' })
  } else parts.contacts.noteRevoked(tx, account.accountKey, deviceKey)
  const isNoted = includesKey(group.record.leavingDeviceIds, deviceKey)
  if (!isNoted && includesKey(account.devices, deviceKey)) removeWhenOurTurn(parts, tx, group, [deviceKey])
}

function verified(bytes: Uint8Array): Revocation | undefined {
  try {
    return readRevocation(crypto, bytes)
  } catch (error) {
    if (error instanceof IdentityError) return undefined
    throw error
  }
}
