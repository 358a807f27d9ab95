// Claims of key packages. None is taken that an answer has no room for, and nobody uses up the stock of somebody else.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ClaimedDeviceSchema, ClaimOutcomeSchema } from '../../../gen/parley/v1/key_exchange_pb.js'
import { isHandle } from '../../protocol/identity/handle.js'
import { MAX_STATEMENT_BYTES } from '../../protocol/sizes.js'
import type { Cluster } from '../cluster.js'
import type { Guard } from '../guard/guard.js'
import type { RelayLimits } from '../limits.js'
import type { ClaimedKeyPackage, DeviceId, Directory, KeyPackages } from '../store/store.js'

/** Bytes that an entry of an answer has besides what it holds: tags, lengths, and a handle. */
export const ENTRY_BYTES = 64

interface ClaimOptions {
  directory: Pick<Directory, 'device'>
  keyPackages: Pick<KeyPackages, 'claim'>
  guard: Pick<Guard, 'givesOneTime'>
  limits: Pick<RelayLimits, 'devicesPerAccount' | 'keyPackageBytes'>
  cluster: Pick<Cluster, 'keyPackagesLeft'>
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
  { handles, room }: { handles: readonly string[]; room: number },
): Promise<ClaimOutcome[]> {
  const own = (await options.directory.device(claimer.id))?.handle
  const { devicesPerAccount, keyPackageBytes } = options.limits
  const most = devicesPerAccount * (keyPackageBytes + MAX_STATEMENT_BYTES + ENTRY_BYTES) + ENTRY_BYTES
  const outcomes: ClaimOutcome[] = []
  let left = room
  while (outcomes.length < handles.length) {
    const some = handles.slice(outcomes.length, outcomes.length + Math.floor(left / most))
    if (some.length === 0) break
    // At once, for one transaction.
    const claimed = await Promise.all(some.map(handle => claimOne(options, claimer, { handle, own })))
    for (const [index, devices] of claimed.entries()) {
      outcomes.push(outcomeOf(some[index]!, devices))
      left -= bytesOf(devices)
    }
  }
  for (const handle of handles.slice(outcomes.length))
    outcomes.push({ handle, outcome: { case: 'later', value: {} } })
  return outcomes
}

/** Of its own account a device takes what it needs. */
async function claimOne(
  { keyPackages, guard, cluster }: ClaimOptions,
  { id, account }: Claimer,
  { handle, own }: { handle: string; own: string | undefined },
): Promise<ClaimedKeyPackage[] | undefined> {
  if (!isHandle(handle)) return undefined
  const lastResortOnly = handle !== own && !guard.givesOneTime(account, handle)
  const claimed = await keyPackages.claim(handle, { except: id, lastResortOnly })
  for (const { deviceId, left } of claimed ?? [])
    if (left !== undefined) cluster.keyPackagesLeft(deviceId, left)
  return claimed
}

function bytesOf(devices: readonly ClaimedKeyPackage[] = []): number {
  return devices.reduce(
    (sum, { certificate, keyPackage }) => sum + certificate.length + (keyPackage?.length ?? 0) + ENTRY_BYTES,
    ENTRY_BYTES,
  )
}

function outcomeOf(handle: string, claimed: readonly ClaimedKeyPackage[] | undefined): ClaimOutcome {
  if (claimed === undefined) return { handle, outcome: { case: 'unknown', value: {} } }
  return { handle, outcome: { case: 'devices', value: { devices: claimed.map(deviceOf) } } }
}

function deviceOf({
  certificate: deviceCertificate,
  keyPackage,
  lastResort,
}: ClaimedKeyPackage): MessageInitShape<typeof ClaimedDeviceSchema> {
  return { deviceCertificate, keyPackage: keyPackage ?? new Uint8Array(), lastResort }
}
