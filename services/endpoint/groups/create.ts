// A new MLS group with the devices of one person: from the key packages that were claimed to the commit bundle
// that creates the conversation at the server.

import type { ClaimedDevice } from '../../../gen/parley/v1/key_exchange_pb.js'
import { GroupStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { type DeviceIdentity, parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import type { Context } from '../context.js'
import type { Outbox } from '../messages/outbox.js'
import { queueCommit } from '../sync/send-loop.js'
import type { Batch } from '../vault/records.js'

export const CONVERSATION_ID_BYTES = 16

/** `no-device`: they have none that can be reached yet. */
export type Establishment = 'created' | 'blocked' | 'no-device'

/** A claimed device whose certificate and key package belong together and to the handle. */
export interface Invitee {
  identity: DeviceIdentity
  keyPackage: Uint8Array
}

/**
 * Makes the group and queues its first commit. The key packages come from the server, which may lie: every
 * device must show a certificate of one and the same account, and that account must be the one that is pinned.
 */
export async function establish(
  context: Context,
  outbox: Outbox,
  batch: Batch,
  {
    conversation,
    claimed,
    own,
  }: { conversation: bigint; claimed: readonly ClaimedDevice[]; own: readonly ClaimedDevice[] },
): Promise<Establishment> {
  const peer = context.conversations.peer(conversation)
  const invitees = await verifiedInvitees(context, peer, claimed)
  const first = invitees[0]
  if (!first) return 'no-device'
  for (const { identity } of invitees)
    if (context.contacts.meet(batch, peer, identity.accountKey) === 'changed') return 'blocked'
  const siblings = await ownInvitees(context, own)
  await createGroup(context, outbox, batch, { conversation, invitees: [...invitees, ...siblings] })
  return 'created'
}

/** Those of the claimed devices that are this person's. */
export async function verifiedInvitees(
  context: Context,
  peer: string,
  claimed: readonly ClaimedDevice[],
): Promise<Invitee[]> {
  const invitees: Invitee[] = []
  for (const { keyPackage } of claimed) {
    try {
      // The key package's own certificate counts: it is what the members of the group will see.
      const identity = parseVerifiedCertificate((await context.engine.inspectKeyPackage(keyPackage)).identity)
      if (identity.handle === peer) invitees.push({ identity, keyPackage })
    } catch {
      // A faulty device is left out; the person's others can still be reached.
    }
  }
  return invitees
}

/** Those of the claimed devices that are this account's own, and in use. */
export async function ownInvitees(context: Context, claimed: readonly ClaimedDevice[]): Promise<Invitee[]> {
  const { handle, account } = context.account
  return (await verifiedInvitees(context, handle, claimed)).filter(
    ({ identity: { accountKey, deviceKey } }) =>
      Buffer.compare(accountKey, account.publicKey) === 0 && !context.devices.isRevoked(deviceKey),
  )
}

/** `settings`: an encoded GroupSettings; none between two people. */
export async function createGroup(
  context: Context,
  outbox: Outbox,
  batch: Batch,
  {
    conversation,
    invitees,
    settings,
  }: { conversation: bigint; invitees: readonly Invitee[]; settings?: Uint8Array },
): Promise<void> {
  const { account, engine, groups } = context
  const conversationId = context.random.bytes(CONVERSATION_ID_BYTES)
  const keyPackage = await engine.newKeyPackage({
    identity: account.certificate,
    signatureKey: account.device.privateKey,
    publicKey: account.device.publicKey,
  })
  const state = await engine.create({
    groupId: conversationId,
    keyPackage,
    ...(settings ? { settings } : {}),
  })
  const { pending, commit, welcome } = await engine.commit(state, {
    add: invitees.map(({ keyPackage }) => keyPackage),
  })
  const deviceIds = invitees.map(({ identity }) => identity.deviceKey)
  const group = groups.add(batch, { conversationId, conversation, status: GroupStatus.CREATING }, state)
  groups.savePending(batch, group, pending)
  queueCommit(outbox, batch, group, {
    epoch: 0n,
    commit,
    welcomes: [{ deviceIds, welcome: welcome ?? new Uint8Array() }],
    rosterChange: { addedDeviceIds: deviceIds },
    creates: true,
  })
}
