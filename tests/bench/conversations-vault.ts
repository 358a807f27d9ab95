// A vault with many conversations, made by the endpoint's own code: each with somebody of their own, in a group that is
// in use, with a line of history.

import { create } from '@bufbuild/protobuf'
import { ConversationKind } from '../../gen/parley/content/v1/chain_pb.js'
import { ClaimedDeviceSchema } from '../../gen/parley/v1/key_exchange_pb.js'
import { MessageKind, MessageStatus } from '../../gen/parley/vault/v1/records_pb.js'
import { makeAccount, type NewAccount } from '../../services/endpoint/contacts/account.js'
import type { Unit } from '../../services/endpoint/context.js'
import { adopt } from '../../services/endpoint/groups/commit.js'
import { createFixedGroup, verifiedInvitees } from '../../services/endpoint/groups/create.js'
import type { LiveGroup } from '../../services/endpoint/groups/state/groups.js'
import { sequenceOf } from '../../services/endpoint/ids.js'
import { systemClock, systemRandom } from '../../services/endpoint/local.js'
import { createEngine } from '../../services/endpoint/mls/engine.js'
import { validateCredential } from '../../services/endpoint/mls/validate-credential.js'
import { openStores } from '../../services/endpoint/stores.js'
import { at, Records } from '../../services/endpoint/vault/records.js'
import { openVault } from '../../services/endpoint/vault/vault.js'
import { shownList } from '../support/device-lists.js'

/** Conversations that are made in one write. */
const AT_ONCE = 50

/** Adds conversations with `peer<from>` and those behind, until there are so many. Returns the people's accounts. */
export async function addConversations(
  folder: string,
  { from, count }: { from: number; count: number },
): Promise<NewAccount[]> {
  const vault = await openVault({ folder })
  const engine = await createEngine({ validate: validateCredential })
  const welcomes = { open: () => Promise.reject(new Error('nobody invites')), close: async () => undefined }
  const { transaction } = openStores(new Records(vault, () => undefined), {
    engine,
    welcomes,
    clock: systemClock,
    random: systemRandom,
    requests: 'accept',
  })
  const people: NewAccount[] = []
  for (let next = from; next < from + count; next += AT_ONCE)
    await transaction(async unit => {
      for (let number = next; number < Math.min(next + AT_ONCE, from + count); number++) {
        const account = makeAccount(`peer${number}`)
        people.push(account)
        await addConversation(unit, account)
      }
    })
  vault.close()
  return people
}

async function addConversation(unit: Unit, account: NewAccount): Promise<void> {
  const { context, tx } = unit
  const { handle, certificate, device } = account
  const { publicKey: accountKey } = account.account
  learn(unit, account)
  const { publicPackage: keyPackage } = await context.engine.newKeyPackage({
    identity: certificate,
    leafData: context.lists.leafData(accountKey)!,
    signatureKey: device.privateKey,
    publicKey: device.publicKey,
  })
  context.contacts.meet(tx, { handle, accountKey })
  const conversation = context.conversations.open(tx, accountKey)
  const invitees = await verifiedInvitees(context, handle, [
    create(ClaimedDeviceSchema, { deviceKey: device.publicKey, keyPackage }),
  ])
  const accounts = [context.account.account.publicKey, accountKey]
  const { group } = await createFixedGroup(context, tx, {
    ...{ conversation, invitees, kind: ConversationKind.DIRECT, accounts },
  })
  adopt(context, tx, group, [])
  noteCompared(unit, group, account)
  // This device has said something since: the daily update is due at some time.
  context.groups.change(tx, group, { sealedSinceCommit: 1n })
  context.conversations.append(tx, conversation, {
    kind: MessageKind.TEXT,
    fromAccount: accountKey,
    fromHandle: handle,
    fromDevice: device.publicKey,
    text: 'a line of this conversation',
    sentAtMs: BigInt(Date.now()),
    status: MessageStatus.RECEIVED,
    sequence: sequenceOf(1n),
  })
}

function learn({ context, tx }: Unit, other: NewAccount): void {
  const serverId = tx.get('server', at(0n))?.serverId
  const state = context.lists.read(shownList([other], serverId?.length ? { serverId } : {}))
  if (!state) throw new Error('the list of a made account does not hold')
  context.lists.learn(tx, state)
}

/** The group was compared with the devices that the server lists, as all are that were not made just now. */
function noteCompared({ context, tx }: Unit, group: LiveGroup, other: NewAccount): void {
  context.lists.noteCompared(tx, other.account.publicKey)
  for (const accountKey of [other.account.publicKey, context.account.account.publicKey])
    context.groups.noteCompared(tx, group, { accountKey, isComplete: true })
}
