// This device's place in its account, as the server and it tell each other with the first call of a line.

import type { AccountDevices } from '../../../gen/parley/v1/identity_pb.js'
import type { KeyExchanged, RegistrationRefused } from '../../../gen/parley/v1/key_exchange_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { parseVerifiedCertificate } from '../../protocol/identity/certificate.js'
import { placeOf } from '../../protocol/identity/device-removal.js'
import { sameKey } from '../../protocol/keys.js'
import type { StopCause } from '../codes/line-cause.js'
import { changeKeyState, forgetKey, keyState } from '../contacts/account.js'
import { certify, pendingState, signList } from '../contacts/own-list.js'
import type { Context } from '../context.js'
import type { KeyExchangeParts } from '../line/connection.js'
import { learnOwnList, tellOwnList } from '../messages/lists/ended-devices.js'
import type { Reader, Transaction } from '../vault/records.js'
import { forgetInvite, loadServer, noteServer, type ToldServer } from './server-record.js'

const NOTHING = new Uint8Array()

/** Becoming a device of an account by its words: a list is signed at once, or when a person has seen it. */
function joining({ session }: Context, records: Reader): Context['session']['joins'] {
  return keyState(records).isJoining ? (session.joins ?? 'when-confirmed') : undefined
}

/** The server's id has to be known before anything that is signed can name it, and its directory's key before it says whose a handle is. */
export function asksServer({ records }: Pick<Context, 'records'>): boolean {
  const { isJoining, pendingList } = keyState(records)
  const { serverId = NOTHING, directoryKey = NOTHING } = loadServer(records) ?? {}
  return isJoining || pendingList.length > 0 || serverId.length === 0 || directoryKey.length === 0
}

/** Throws LineStopped for another server than the account is on. */
export function takeServer(context: Context, tx: Transaction, told: ToldServer): void {
  const { account, lists } = context
  const { serverId } = told
  const isOurs = equalBytes(parseVerifiedCertificate(account.certificate).serverId, serverId)
  noteServer(tx, { ...told, isOurs })
  const { accountSeed, isJoining, pendingList } = keyState(tx)
  if (accountSeed.length === 0) return
  if (!isOurs) certify(account, tx, serverId)
  const isNew = !isJoining && pendingList.length === 0 && !lists.get(account.account.publicKey)
  if (isNew) signList(context, tx, { place: 'last' })
}

/** All that shows the server whose device this is. */
export function registration(context: Context): KeyExchangeParts {
  const { account, lists, records } = context
  const server = loadServer(records)
  const { isJoining, pendingList } = keyState(records)
  const parts: KeyExchangeParts = {
    inviteToken: server?.inviteToken ?? '',
    deviceCertificate: account.certificate,
    lookupHandles: [account.handle],
  }
  if (pendingList.length > 0) return { ...parts, deviceList: pendingList }
  const known = lists.get(account.account.publicKey)?.lists[0].list
  const isHere = known && equalBytes(known.serverId, server?.serverId ?? new Uint8Array())
  if (isJoining || !isHere || placeOf(known, account.device.publicKey) < 0) return parts
  const { deviceList, removals } = lists.shown(account.account.publicKey)!
  return { ...parts, deviceList, deviceRemovals: [...removals] }
}

/** The server knows this device. Returns why the line stops nevertheless. */
export async function exchanged(
  context: Context,
  tx: Transaction,
  { lookups }: Pick<KeyExchanged, 'lookups'>,
): Promise<StopCause | undefined> {
  const { account, lists, session } = context
  const { handle } = account
  const pending = pendingState(tx)
  if (pending) {
    lists.learn(tx, pending)
    forgetKey(tx)
  }
  forgetInvite(tx)
  const outcome = lookups.find(each => each.handle === handle)?.outcome
  const shown = outcome?.case === 'devices' ? takeShown(context, tx, outcome.value) : undefined
  await tellOwnList(context, tx)
  if (joining(context, tx) === 'when-confirmed') return { code: 'not-listed', handle }
  if (keyState(tx).isJoining) forgetKey(tx)
  tx.after(() => {
    session.joins = undefined
  })
  const known = lists.get(account.account.publicKey)?.lists[0].list
  if (known && (!shown || shown.number < known.number))
    tx.tell({ type: 'notice', level: 'warning', notice: { code: 'left-out', handle } })
  return undefined
}

/** The server does not register this device. 'again': there is a list now to come with; otherwise why the line stops. */
export async function refused(
  context: Context,
  tx: Transaction,
  { reason }: RegistrationRefused,
): Promise<'again' | 'stop' | StopCause> {
  const { account, devices, lists } = context
  const { handle } = account
  const isOfList =
    reason.case === 'notListed' || reason.case === 'listNotNewer' || reason.case === 'deviceRevoked'
  if (!isOfList && reason.case !== 'tooManyDevices') return 'stop'
  const before = lists.get(account.account.publicKey)?.lists[0].list.number ?? 0
  const isElsewhere = reason.case === 'notListed' && isOtherHandle(context, reason.value.account)
  const shown = isElsewhere ? undefined : takeShown(context, tx, reason.value.account)
  await tellOwnList(context, tx)
  // A list that does not follow the server's is of no use.
  changeKeyState(tx, { pendingList: new Uint8Array() })
  if (reason.case === 'tooManyDevices') {
    // A device that has nothing to sign a list with is on one already: the server's word alone does not undo that.
    if (keyState(tx).accountSeed.length > 0) changeKeyState(tx, { isJoining: true })
    return 'stop'
  }
  const how = joining(context, tx)
  if (how === 'when-confirmed') return { code: 'not-listed', handle }
  if (how === 'at-once') {
    if (!shown) tx.tell({ type: 'notice', level: 'warning', notice: { code: 'account-unknown', handle } })
    signList(context, tx, { place: 'last' })
    return 'again'
  }
  if (devices.isRevoked(account.device.publicKey)) return { code: 'revoked' }
  return shown && shown.number > before ? 'again' : 'stop'
}

/** The account goes by another handle than the one that a person gave with its words. */
function isOtherHandle(
  { account, lists }: Pick<Context, 'account' | 'lists'>,
  devices: AccountDevices | undefined,
): boolean {
  const shown = devices && lists.read(devices)
  return shown !== undefined && shown.list.handle !== account.handle
}

/** Takes in what the server shows of this account; returns its list, if it holds. */
function takeShown(
  context: Pick<Context, 'account' | 'clock' | 'lists'>,
  tx: Transaction,
  devices: AccountDevices | undefined,
) {
  const { account, lists } = context
  const shown = devices && lists.read(devices)
  if (!shown || !sameKey(shown.list.accountKey, account.account.publicKey)) return undefined
  learnOwnList(context, tx, shown)
  return shown.list
}
