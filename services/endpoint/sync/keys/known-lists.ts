// The lists of devices that the server shows, as this device takes them in.

import type { LookupOutcome } from '../../../../gen/parley/v1/key_exchange_pb.js'
import type { ListedDevice } from '../../../protocol/identity/device-list.js'
import type { ListState } from '../../../protocol/identity/devices-in-use.js'
import { type AccountKey, sameKey } from '../../../protocol/keys.js'
import type { Context } from '../../context.js'
import { isKey, NO_KEY } from '../../ids.js'
import { learnList } from '../../messages/lists/learned-lists.js'
import type { Transaction } from '../../vault/records.js'
import { meetListed } from './pins.js'

/** One account's devices as the server lists them under a handle. */
export interface ShownList {
  handle: string
  accountKey: AccountKey
  state: ListState
}

/** A device that an account has in use. */
export interface UsedDevice extends ListedDevice {
  handle: string
  accountKey: AccountKey
}

/** Those that hold, and are of the handle that they are shown for. */
export function listsIn({ lists }: Pick<Context, 'lists'>, lookups: readonly LookupOutcome[]): ShownList[] {
  return lookups.flatMap(({ handle, outcome }) => {
    const state = outcome.case === 'devices' ? lists.read(outcome.value) : undefined
    if (state?.list.handle !== handle) return []
    return [{ handle, accountKey: state.list.accountKey, state }]
  })
}

/**
 * Takes the lists in, and whose their handles are, which the directory says: pins those that are pinned to nobody yet.
 * One whose pinned account the server does not list any more has another one now, which is looked into (changed-keys.ts).
 */
export function noteListed(context: Context, tx: Transaction, shown: readonly ShownList[]): void {
  for (const { handle, accountKey, state } of shown) {
    if (learnList(context, tx, state) === 'forked')
      tx.tell({ type: 'notice', level: 'warning', notice: { code: 'lists-forked', handle } })
    const pinned = context.contacts.handles.pinned(handle)
    if (handle === context.account.handle) continue
    if (pinned && sameKey(pinned, accountKey)) dismissUnlisted(context, tx, { handle, accountKey })
    else meetListed(context, tx, { handle, accountKey })
  }
}

/** The server stands by the pinned account again, and by no other one that it showed: nothing has changed. */
function dismissUnlisted(
  { contacts }: Pick<Context, 'contacts'>,
  tx: Transaction,
  { handle, accountKey }: Pick<ShownList, 'accountKey' | 'handle'>,
): void {
  const seen = contacts.handles.get(handle)?.seenAccountKey ?? NO_KEY
  if (!isKey(seen) || sameKey(seen, accountKey)) return
  contacts.handles.dismiss(tx, handle)
  tx.tell({ type: 'notice', level: 'warning', notice: { code: 'impostor', handle } })
}

/** The devices of an account by all that is known of them: the server may show less. */
export function usedDevices(
  { lists }: Pick<Context, 'lists'>,
  { handle, accountKey }: Pick<ShownList, 'accountKey' | 'handle'>,
): UsedDevice[] {
  return (lists.inUse(accountKey) ?? []).map(device => ({ ...device, handle, accountKey }))
}
