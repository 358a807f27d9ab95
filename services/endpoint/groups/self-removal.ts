// Nobody can remove themselves in MLS (RFC 9420 section 12.1.3), so an account says that it leaves a room and another one
// commits that. The others wait for each other in the order of their leaves, so that few of them race.

import type { SignedLeaveStatement } from '../../../gen/parley/content/v1/chain_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { ChainError } from '../../protocol/conversation/chain/error.js'
import { type Leave, readLeave } from '../../protocol/conversation/chain/leave-statement.js'
import { memberOf } from '../../protocol/conversation/chain/state.js'
import { type AccountKey, type DeviceKey, includesKey, sameKey } from '../../protocol/keys.js'
import { crypto } from '../crypto.js'
import type { Transaction } from '../vault/records.js'
import { commitLeave, intend } from './intents.js'
import { accountIn, isAdmin } from './membership.js'
import type { GroupParts } from './parts.js'
import type { LiveGroup } from './state/groups.js'

/** Milliseconds that each device of an account waits for the older ones to tell what concerns the account. */
const OWN_TURN_MS = 1_000
/** Milliseconds that each device waits for the one before it, and at most. */
const TURN_MS = 300
const TURNS_MS = 10_000

/** The account of the sender leaves, by a statement that was read: this device commits that, if nobody has by its turn. */
export function takeLeave(
  parts: Pick<GroupParts, 'account' | 'clock' | 'engine' | 'intents'>,
  tx: Transaction,
  group: LiveGroup,
  { accountKey, signed }: Leave,
): void {
  if (sameKey(accountKey, parts.account.account.publicKey)) return
  const devices = accountIn(parts, group, accountKey)?.devices ?? []
  intend(parts, tx, group, commitLeave(signed), myTurnMs(parts, group, devices))
}

/** The statement by which this account leaves the room as it is in it now; undefined for one that is not of this stay. */
export function leaveBy(
  { held }: LiveGroup,
  accountKey: AccountKey,
  signed: SignedLeaveStatement | undefined,
): Leave | undefined {
  const leave = signed && read(signed)
  if (!leave || !sameKey(leave.accountKey, accountKey)) return undefined
  const isOfHere = equalBytes(leave.conversationId, held.state.id)
  return isOfHere && memberOf(held.state, accountKey)?.added === leave.added ? leave : undefined
}

function read(signed: SignedLeaveStatement): Leave | undefined {
  try {
    return readLeave(crypto, signed)
  } catch (error) {
    if (error instanceof ChainError) return undefined
    throw error
  }
}

/** How long this device waits for those before it, when all but these devices could do the same. Admins go first. */
export function myTurnMs(
  { account }: Pick<GroupParts, 'account' | 'engine'>,
  { held }: LiveGroup,
  without: readonly DeviceKey[],
): number {
  const rank = ({ accountKey }: { accountKey: AccountKey }) => (isAdmin(held.state, { accountKey }) ? 0 : 1)
  const others = held.leaves
    .filter(({ deviceKey }) => !includesKey(without, deviceKey))
    .sort((one, other) => rank(one) - rank(other))
  const turn = others.findIndex(({ deviceKey }) => sameKey(deviceKey, account.device.publicKey))
  return Math.min(Math.max(turn, 0) * TURN_MS, TURNS_MS)
}

/** The same of a change of this account's own devices: those that stand first on its list, and are in the group, go first. */
export function ownTurnMs(
  { account, devices }: Pick<GroupParts, 'account' | 'devices'>,
  { held }: LiveGroup,
  without: readonly DeviceKey[] = [],
): number {
  const isThere = (device: DeviceKey) => held.leaves.some(({ deviceKey }) => sameKey(deviceKey, device))
  const older = devices
    .all()
    .map(({ deviceId }) => deviceId)
    .filter(device => isThere(device) && !includesKey(without, device))
  const turn = older.findIndex(device => sameKey(device, account.device.publicKey))
  return Math.max(turn, 0) * OWN_TURN_MS
}
