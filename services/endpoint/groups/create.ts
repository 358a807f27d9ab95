// A new MLS group: from the key packages that were claimed to the commit bundle that creates the conversation at the
// server.

import type { ClaimedDevice } from '../../../gen/parley/v1/key_exchange_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { type DeviceIdentity, parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { sameKey } from '../../protocol/keys.js'
import { CONVERSATION_ID_BYTES } from '../../protocol/sizes.js'
import type { ConversationNumber } from '../ids.js'
import type { Transaction } from '../vault/records.js'
import { signed } from './heads.js'
import type { MadeCommit } from './intents.js'
import type { GroupParts } from './parts.js'
import { created } from './state/group.js'
import type { LiveGroup } from './state/groups.js'

/** A claimed device whose certificate and key package belong together and to the handle. */
export interface Invitee {
  identity: DeviceIdentity
  keyPackage: Uint8Array
}

/** Those of the claimed devices whose certificates are of this handle. */
export async function verifiedInvitees(
  parts: Pick<GroupParts, 'engine'>,
  handle: string,
  claimed: readonly ClaimedDevice[],
): Promise<Invitee[]> {
  const invitees: Invitee[] = []
  for (const { deviceKey, keyPackage } of claimed) {
    try {
      // The key package's own certificate counts: it is what the members of the group will see.
      const identity = parseVerifiedCertificate((await parts.engine.inspectKeyPackage(keyPackage)).identity)
      if (identity.handle === handle && equalBytes(identity.deviceKey, deviceKey))
        invitees.push({ identity, keyPackage })
    } catch {
      // A faulty device is left out; the person's others can still be reached.
    }
  }
  return invitees
}

/** Those of the claimed devices that are this account's own, and in use. */
export async function ownInvitees(
  parts: Pick<GroupParts, 'account' | 'devices' | 'engine'>,
  claimed: readonly ClaimedDevice[],
): Promise<Invitee[]> {
  const { handle, account } = parts.account
  return (await verifiedInvitees(parts, handle, claimed)).filter(
    ({ identity: { accountKey, deviceKey } }) =>
      sameKey(accountKey, account.publicKey) && !parts.devices.isRevoked(deviceKey),
  )
}

/**
 * A new group of this device and the invitees, and its first commit, for the outbox. `settings`: an encoded
 * GroupSettings; none between two people.
 */
export async function createGroup(
  parts: Pick<GroupParts, 'account' | 'engine' | 'groups' | 'lists' | 'random'>,
  tx: Transaction,
  {
    conversation,
    invitees,
    settings,
  }: { conversation: ConversationNumber; invitees: readonly Invitee[]; settings?: Uint8Array },
): Promise<{ group: LiveGroup } & MadeCommit> {
  const { account, engine, groups } = parts
  const conversationId = parts.random.bytes(CONVERSATION_ID_BYTES)
  const leafData = parts.lists.leafData(account.account.publicKey)
  const keyPackage = await engine.newKeyPackage({
    identity: account.certificate,
    signatureKey: account.device.privateKey,
    publicKey: account.device.publicKey,
    ...(leafData && { leafData }),
  })
  const state = await engine.create({
    groupId: conversationId,
    keyPackage,
    ...(settings ? { settings } : {}),
  })
  const add = invitees.map(({ keyPackage }) => keyPackage)
  const { pending, commit, welcome } = await engine.commit(state, { add })
  const deviceIds = invitees.map(({ identity }) => identity.deviceKey)
  const group = groups.add(tx, { conversationId, conversation, phase: created() }, state)
  groups.savePending(tx, group, pending)
  const bundle = signed(parts, conversationId, {
    epoch: 0n,
    commit,
    welcomes: welcome ? [{ deviceIds, welcome }] : [],
    rosterChange: { addedDeviceIds: deviceIds },
    creates: true,
  })
  return { group, bundle, intents: [] }
}
