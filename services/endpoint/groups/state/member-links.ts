// The groups of an account are found by links, one for each account of a group; another link says that the account's
// devices in the group are to be compared with its list, because they have changed since.

import { parseVerifiedCertificate } from '../../../protocol/identity/certificate.js'
import { type AccountKey, type GroupNumber, type KeyText, keyText } from '../../ids.js'
import type { Engine } from '../../mls/engine.js'
import type { Transaction } from '../../vault/records.js'
import type { GroupInEpoch } from './live-group.js'

type Reading = Pick<Engine, 'members'>

/** An account's devices in a group, as one text. */
interface Devices {
  accountKey: AccountKey
  devices: string
}

/** The group has other members, or other devices of them. `before`: unless given, all are to be compared. */
export function noteMembers(
  engine: Reading,
  tx: Transaction,
  number: GroupNumber,
  { before, after }: { before?: GroupInEpoch; after: GroupInEpoch },
): void {
  const was = before ? devicesByAccount(engine, before) : new Map<KeyText<AccountKey>, Devices>()
  const is = devicesByAccount(engine, after)
  for (const [account, { accountKey, devices }] of is) {
    if (was.get(account)?.devices === devices) continue
    tx.link('unreconciled', accountKey, number)
    if (!was.has(account)) tx.link('member', accountKey, number)
  }
  for (const [account, { accountKey }] of was) {
    if (is.has(account)) continue
    tx.unlink('unreconciled', accountKey, number)
    tx.unlink('member', accountKey, number)
  }
}

/** The devices of each account of the conversation, also of those that have none in the group. */
function devicesByAccount(engine: Reading, { state, held }: GroupInEpoch): Map<KeyText<AccountKey>, Devices> {
  const accounts = new Map<KeyText<AccountKey>, Devices>()
  for (const { accountKey } of held.state.members)
    accounts.set(keyText(accountKey), { accountKey, devices: '' })
  for (const { identity, signatureKey } of engine.members(state)) {
    const { accountKey } = parseVerifiedCertificate(identity)
    const account = keyText(accountKey)
    const devices = `${accounts.get(account)?.devices ?? ''} ${keyText(signatureKey)}`
    accounts.set(account, { accountKey, devices })
  }
  return accounts
}
