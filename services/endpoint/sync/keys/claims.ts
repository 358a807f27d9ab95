// Key packages for those who are to be added: the intents that wait for them, and what the server hands out.

import type { ClaimedDevice } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { includesKey, sameKey } from '../../../protocol/keys.js'
import { notMade, type WhyNot } from '../../codes/notice.js'
import type { Context } from '../../context.js'
import { type Invitee, verifiedInvitees } from '../../groups/create.js'
import { accountsIn, isOwn } from '../../groups/membership.js'
import { can } from '../../groups/state/group.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import { type IntentNumber, isKey } from '../../ids.js'
import { admit } from '../../messages/requests.js'
import type { Transaction } from '../../vault/records.js'
import { meetListed } from './pins.js'

export interface Wanted {
  group: LiveGroup
  id: IntentNumber
  handle: string
}

/** The intents that cannot be committed before key packages are claimed. */
export function wantedKeyPackages({
  clock,
  intents,
  groups,
}: Pick<Context, 'clock' | 'groups' | 'intents'>): Wanted[] {
  const now = clock.now()
  return intents.all().flatMap(({ group: number, id, intent: { change, notBeforeMs } }) => {
    if (Number(notBeforeMs) > now) return []
    const group = groups.get(number)
    const adds = change.case === 'addAccount' || change.case === 'addDevices'
    if (!group || !can(group.phase, 'tell-devices') || !adds || change.value.keyPackages.length > 0) return []
    return [{ group, id, handle: change.value.handle }]
  })
}

/** Puts what was claimed into the intent, or gives the intent up and says why. */
export async function takeClaim(
  context: Context,
  tx: Transaction,
  { group, id, handle }: Wanted,
  claimed: readonly ClaimedDevice[] | undefined,
): Promise<void> {
  const intent = context.intents.get(group, id)
  const change = intent?.change
  if (change?.case !== 'addAccount' && change?.case !== 'addDevices') return
  const isDevices = change.case === 'addDevices'
  const giveUp = (code: Exclude<WhyNot['code'], 'impossible' | 'rejected'>) => {
    context.intents.drop(tx, group, id)
    // A further device of somebody who is in it already is looked up again by itself.
    if (isDevices) return
    const peer = context.conversations.peer(group.record.conversation)
    const name = isKey(change.value.accountKey) ? context.contacts.nameOf(change.value.accountKey) : handle
    tx.tell(notMade({ handle: name, peer, why: { code } }))
  }
  if (!claimed) return giveUp('nobody')
  const wanted = isDevices ? change.value.deviceIds : undefined
  const accounts = accountsIn(context, group)
  const { accountKey: known } = change.value
  const fits = ({ leaf }: Invitee) =>
    (!isKey(known) || sameKey(leaf.accountKey, known)) &&
    (!wanted ||
      (includesKey(wanted, leaf.deviceKey) &&
        accounts.some(account => sameKey(account.accountKey, leaf.accountKey))))
  const invitees = (await verifiedInvitees(context, handle, claimed)).filter(fits)
  if (invitees.length === 0) return giveUp('no-device')
  for (const { leaf } of invitees)
    if (
      !isOwn(context, leaf) &&
      meetListed(context, tx, { handle, accountKey: leaf.accountKey }) === 'changed'
    )
      return giveUp('key-changed')
  const { accountKey } = invitees[0]!.leaf
  const isTwice = accounts.some(other => other.handle === handle && !sameKey(other.accountKey, accountKey))
  if (!isDevices && isTwice) return giveUp('handle-twice')
  // A person has asked for them.
  if (!isDevices) admit(context, tx, accountKey)
  const keyPackages = invitees.map(({ keyPackage }) => keyPackage)
  const deviceIds = invitees.map(({ leaf }) => leaf.deviceKey)
  const claimedFor = isDevices
    ? ({ case: 'addDevices', value: { handle, accountKey, deviceIds, keyPackages } } as const)
    : ({ case: 'addAccount', value: { handle, accountKey, keyPackages } } as const)
  const { notBeforeMs, alone } = context.intents.get(group, id)!
  context.intents.save(tx, group, { id, intent: { notBeforeMs, alone, change: claimedFor } })
}
