// A device that its account has revoked: the account's signature says so, so that every member may remove it.

import { create } from '@bufbuild/protobuf'
import { GroupStatus, RemoveDevicesSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import type { Context } from '../context.js'
import { IdentityError } from '../identity/error.js'
import { makeRevocation, type Revocation, readRevocation } from '../identity/revocation.js'
import type { Batch } from '../records.js'
import type { LiveGroup } from './groups.js'
import { intend } from './intents.js'
import { removeWhenOurTurn } from './leaving.js'
import type { Outbox } from './outbox.js'
import { isOwn } from './roster.js'
import { sealBody } from './seal.js'
import { sameAccount } from './settings.js'
import { accountsIn } from './standing.js'

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

/** Revokes a device of this account: tells the groups that it is in, and removes it there. The server is told apart. */
export async function revoke(
  context: Context,
  outbox: Outbox,
  batch: Batch,
  deviceId: Uint8Array,
): Promise<void> {
  const { handle, account } = context.account
  const deviceRevocation = makeRevocation({ handle, account, deviceKey: deviceId })
  context.devices.change(batch, deviceId, { revocation: deviceRevocation, revocationDone: false })
  for (const group of context.groups.all()) {
    const { status, left, lost } = group.record
    const isIn = context.engine.members(group.state).some(({ signatureKey }) => same(signatureKey, deviceId))
    if (status !== GroupStatus.ACTIVE || left || lost || !isIn) continue
    await sealBody(context, outbox, batch, group, { case: 'revoked', value: { deviceRevocation } })
    const value = create(RemoveDevicesSchema, { deviceIds: [deviceId] })
    intend(context, batch, group, { case: 'removeDevices', value })
  }
}

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
    return readRevocation(bytes)
  } catch (error) {
    if (error instanceof IdentityError) return undefined
    throw error
  }
}
