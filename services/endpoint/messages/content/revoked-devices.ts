// A device that its account has revoked: the account's signature says so, so that every member may remove it.

import { create } from '@bufbuild/protobuf'
import { RemoveDevicesSchema } from '../../../../gen/parley/vault/v1/records_pb.js'
import { IdentityError } from '../../../protocol/error.js'
import { makeRevocation, type Revocation, readRevocation } from '../../../protocol/identity/revocation.js'
import type { Context } from '../../context.js'
import { crypto } from '../../crypto.js'
import { can } from '../../groups/group.js'
import type { LiveGroup } from '../../groups/groups.js'
import { intend } from '../../groups/intents.js'
import { accountsIn, isOwn, ownDeviceGroups } from '../../groups/membership.js'
import { sameAccount } from '../../groups/policy.js'
import { removeWhenOurTurn } from '../../groups/self-removal.js'
import type { Batch } from '../../vault/records.js'
import { sealBody } from '../seal.js'

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

/** Revokes a device of this account: tells the groups that it is in, and removes it there. The server is told apart. */
export async function revoke(context: Context, batch: Batch, deviceId: Uint8Array): Promise<void> {
  const { handle, account } = context.account
  const deviceRevocation = makeRevocation(crypto, {
    ...{ handle, account, deviceKey: deviceId },
    revokedAt: context.clock.now(),
  })
  const told = ownDeviceGroups(context).some(group => isMember(context, group, deviceId))
  context.devices.change(batch, deviceId, {
    revocation: deviceRevocation,
    revocationDone: false,
    revocationDue: !told,
  })
  for (const group of context.groups.all()) {
    if (!can(group.phase, 'tell-devices') || !isMember(context, group, deviceId)) continue
    await sealBody(context, batch, group, { case: 'revoked', value: { deviceRevocation } })
    const value = create(RemoveDevicesSchema, { deviceIds: [deviceId] })
    intend(context, batch, group, { case: 'removeDevices', value })
  }
}

/** Tells the other devices what this one has revoked before it was in a group with them. */
export async function sealRevocations(context: Context, batch: Batch): Promise<void> {
  const due = context.devices.all().filter(({ revocationDue }) => revocationDue)
  const groups = due.length > 0 ? ownDeviceGroups(context) : []
  if (groups.length === 0) return
  for (const { deviceId, revocation: deviceRevocation } of due) {
    for (const group of groups)
      await sealBody(context, batch, group, { case: 'revoked', value: { deviceRevocation } })
    context.devices.change(batch, deviceId, { revocationDue: false })
  }
}

const isMember = ({ engine }: Context, { state }: LiveGroup, deviceId: Uint8Array): boolean =>
  engine.members(state).some(({ signatureKey }) => same(signatureKey, deviceId))

/** Somebody shows a revocation. What does not hold, or is of nobody here, is ignored. */
export function takeRevoked(
  context: Context,
  batch: Batch,
  group: LiveGroup,
  deviceRevocation: Uint8Array,
): void {
  const revocation = verified(deviceRevocation)
  const account = revocation && accountsIn(context, group).find(each => sameAccount(each, revocation))
  if (!account) return
  const { deviceKey } = revocation
  if (isOwn(context, account)) {
    context.devices.change(batch, deviceKey, { revocation: deviceRevocation })
    batch.tell({ type: 'devices' })
  } else context.contacts.noteRevoked(batch, account.handle, deviceKey)
  const isNoted = group.record.leavingDeviceIds.some(device => same(device, deviceKey))
  if (!isNoted && account.devices.some(device => same(device, deviceKey)))
    removeWhenOurTurn(context, batch, group, [deviceKey])
}

function verified(bytes: Uint8Array): Revocation | undefined {
  try {
    return readRevocation(crypto, bytes)
  } catch (error) {
    if (error instanceof IdentityError) return undefined
    throw error
  }
}
