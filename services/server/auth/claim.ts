// Claims of key packages. None is taken that an answer has no room for, and nobody uses up the stock of somebody else.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ClaimedDeviceSchema, ClaimOutcomeSchema } from '../../../gen/parley/v1/key_exchange_pb.js'
import { isHandle } from '../../protocol/identity/handle.js'
import {
  DIRECTORY_STATEMENT_BYTES,
  MAX_LIST_BYTES,
  MAX_REMOVALS,
  MAX_STATEMENT_BYTES,
} from '../../protocol/sizes.js'
import type { Cluster } from '../cluster.js'
import type { Guard } from '../guard/guard.js'
import type { RelayLimits } from '../limits.js'
import type {
  AccountRecord,
  ClaimedKeyPackage,
  DeviceId,
  Directory,
  KeyPackages,
  Suite,
} from '../store/store.js'
import type { StateDirectory } from './directory-statements.js'
import { accountDevicesOf } from './registration.js'

/** Bytes that an entry of an answer has besides what it holds: tags, lengths, and a handle. */
export const ENTRY_BYTES = 64

interface ClaimOptions {
  directory: Pick<Directory, 'account' | 'device'>
  keyPackages: Pick<KeyPackages, 'claim'>
  guard: Pick<Guard, 'givesOneTime'>
  limits: Pick<RelayLimits, 'devicesPerAccount' | 'keyPackageBytes'>
  cluster: Pick<Cluster, 'keyPackagesLeft'>
  state: StateDirectory
}

/** The device that claims, and the public key of its account. */
interface Claimer {
  id: DeviceId
  account: Uint8Array
}

type ClaimOutcome = MessageInitShape<typeof ClaimOutcomeSchema>

/** `room`: bytes that the outcomes may have. Those that may not fit are to be claimed later. */
export async function claimAll(
  options: ClaimOptions,
  claimer: Claimer,
  { handles, suite, room }: { handles: readonly string[]; suite: Suite; room: number },
): Promise<ClaimOutcome[]> {
  const own = (await options.directory.device(claimer.id))?.handle
  const { devicesPerAccount, keyPackageBytes } = options.limits
  const most =
    devicesPerAccount * (keyPackageBytes + 2 * ENTRY_BYTES) +
    DIRECTORY_STATEMENT_BYTES +
    MAX_LIST_BYTES +
    MAX_REMOVALS * MAX_STATEMENT_BYTES
  const outcomes: ClaimOutcome[] = []
  let left = room
  while (outcomes.length < handles.length) {
    const some = handles.slice(outcomes.length, outcomes.length + Math.floor(left / most))
    if (some.length === 0) break
    // At once, for one transaction.
    const claimed = await Promise.all(some.map(handle => claimOne(options, claimer, { handle, own, suite })))
    for (const [index, each] of claimed.entries()) {
      outcomes.push(outcomeOf(options, some[index]!, each))
      left -= (each ? bytesOf(each) : ENTRY_BYTES) + DIRECTORY_STATEMENT_BYTES
    }
  }
  for (const handle of handles.slice(outcomes.length))
    outcomes.push({ handle, outcome: { case: 'later', value: {} } })
  return outcomes
}

/** The guard counts no claims of a device for its own account. */
async function claimOne(
  { directory, keyPackages, guard, cluster }: ClaimOptions,
  { id, account }: Claimer,
  { handle, own, suite }: { handle: string; own: string | undefined; suite: Suite },
): Promise<Claimed | undefined> {
  if (!isHandle(handle)) return undefined
  const lastResortOnly = handle !== own && !guard.givesOneTime(account, handle)
  const claimed = await keyPackages.claim(handle, { suite, except: id, lastResortOnly })
  for (const { deviceId, left } of claimed ?? [])
    if (left !== undefined) cluster.keyPackagesLeft(deviceId, { suite, left })
  const record = claimed && (await directory.account(handle))
  return record && { devices: claimed, account: record }
}

interface Claimed {
  devices: readonly ClaimedKeyPackage[]
  account: AccountRecord
}

/** About the bytes that an account has in an answer. */
export const accountBytes = ({ deviceList, removals }: AccountRecord): number =>
  removals.reduce((sum, removal) => sum + removal.length + ENTRY_BYTES, deviceList.length + ENTRY_BYTES)

function bytesOf({ devices, account }: Claimed): number {
  return devices.reduce(
    (sum, { keyPackage }) => sum + (keyPackage?.length ?? 0) + 2 * ENTRY_BYTES,
    accountBytes(account),
  )
}

function outcomeOf(
  { state }: Pick<ClaimOptions, 'state'>,
  handle: string,
  claimed: Claimed | undefined,
): ClaimOutcome {
  const stated = isHandle(handle) ? { statement: state(handle, claimed?.account) } : {}
  if (claimed === undefined) return { handle, outcome: { case: 'unknown', value: {} }, ...stated }
  const value = { devices: claimed.devices.map(deviceOf), account: accountDevicesOf(claimed.account) }
  return { handle, outcome: { case: 'devices', value }, ...stated }
}

function deviceOf({
  deviceId: deviceKey,
  keyPackage,
  lastResort,
}: ClaimedKeyPackage): MessageInitShape<typeof ClaimedDeviceSchema> {
  return { deviceKey, keyPackage: keyPackage ?? new Uint8Array(), lastResort }
}
