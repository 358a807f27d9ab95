import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type KeyExchangeRequest,
  type KeyExchangeResponse,
  KeyExchangeResponseSchema,
  type LookupOutcomeSchema,
} from '../../../gen/parley/v1/key_exchange_pb.js'
import { isHandle } from '../../protocol/identity/handle.js'
import { METHODS } from '../../protocol/method.js'
import type { CallContext } from '../../rpc/service.js'
import type { Cluster } from '../cluster.js'
import type { Guard } from '../guard/guard.js'
import type { RelayLimits } from '../limits.js'
import type { DeviceId, Directory, KeyPackages } from '../store/store.js'
import { claimAll, ENTRY_BYTES } from './claim.js'
import { frameFailure, rateLimited, storeFailure } from './failure.js'
import { checkDeviceCertificate } from './identity-check.js'
import type { ProofClaim } from './proof.js'
import { changeAccount, type RegistrationOptions } from './registration.js'

/** Bytes of an answer besides its claims and look-ups. */
const MARGIN_BYTES = 64 * 1024

interface KeyExchangeOptions extends RegistrationOptions {
  cluster: RegistrationOptions['cluster'] & Pick<Cluster, 'keyPackagesLeft'>
  directory: Directory
  guard: Pick<Guard, 'claims' | 'givesOneTime' | 'lookups' | 'registration'>
  keyPackages: KeyPackages
  checkProof: (claim: ProofClaim) => Promise<DeviceId>
}

/** The handler of KeyExchange: proves, then revokes, registers, publishes, claims and looks up, in that order. */
export function createKeyExchange(
  options: KeyExchangeOptions,
): (request: KeyExchangeRequest, context: Pick<CallContext, 'address'>) => Promise<KeyExchangeResponse> {
  return async (request, { address }) => {
    checkFields(request, options.limits)
    const device =
      request.deviceCertificate.length > 0 ? checkDeviceCertificate(request.deviceCertificate) : undefined
    const claim: ProofClaim = { signed: request.proof, method: METHODS.keyExchange }
    const id = await options.checkProof(device ? { ...claim, certified: device.deviceId } : claim)
    try {
      const known = await options.directory.device(id)
      if (!known) guarded(options.guard.registration(address), 'new devices from this address')
      const refusal = await changeAccount(options, { id, certified: device }, request)
      if (refusal)
        return create(KeyExchangeResponseSchema, { outcome: { case: 'refused', value: { reason: refusal } } })
      const account = (known ?? device)?.accountKey ?? id
      return await exchange(options, { id, account }, request)
    } catch (error) {
      throw storeFailure(error)
    }
  }
}

/** Throws RESOURCE_EXHAUSTED where the caller has to wait. */
function guarded(waitMs: number, what: string): void {
  if (waitMs > 0) throw rateLimited(`too many ${what}`, waitMs)
}

/** Looked at before anything is changed. Throws INVALID_ARGUMENT. */
function checkFields(request: KeyExchangeRequest, limits: RelayLimits): void {
  const { claimHandles, lookupHandles, deviceRevocations } = request
  for (const [name, list] of Object.entries({
    claim_handles: claimHandles,
    lookup_handles: lookupHandles,
    device_revocations: deviceRevocations,
  }))
    if (list.length > limits.claimsPerCall)
      throw frameFailure(`${name}: at most ${limits.claimsPerCall} in one call`)
  for (const keyPackage of request.keyPackages)
    if (keyPackage.length === 0) throw frameFailure('key_packages: one of them is empty')
  for (const keyPackage of [...request.keyPackages, request.lastResortKeyPackage])
    if (keyPackage.length > limits.keyPackageBytes)
      throw frameFailure(`key packages have at most ${limits.keyPackageBytes} bytes`)
}

/** The device that calls, and the public key of its account. */
interface Caller {
  id: DeviceId
  account: Uint8Array
}

async function exchange(
  options: KeyExchangeOptions,
  caller: Caller,
  request: KeyExchangeRequest,
): Promise<KeyExchangeResponse> {
  const { directory, keyPackages, guard } = options
  const { id, account } = caller
  const { claimHandles, lookupHandles, keyPackages: oneTime, lastResortKeyPackage: lastResort } = request
  guarded(guard.lookups(account, lookupHandles.length), 'look-ups of this account')
  guarded(guard.claims(account, claimHandles.length), 'claims of this account')
  if (oneTime.length > 0 || lastResort.length > 0)
    await keyPackages.publish(id, lastResort.length > 0 ? { oneTime, lastResort } : { oneTime })
  const lookups = await Promise.all(lookupHandles.map(handle => lookup(directory, handle)))
  const claims = await claimAll(options, caller, {
    handles: claimHandles,
    room: options.limits.messageBytes - MARGIN_BYTES - lookupBytes(lookups),
  })
  const { left, hasLastResort } = await keyPackages.count(id)
  return create(KeyExchangeResponseSchema, {
    outcome: { case: 'exchanged', value: { keyPackagesLeft: left, hasLastResort, claims, lookups } },
  })
}

async function lookup(
  directory: Directory,
  handle: string,
): Promise<MessageInitShape<typeof LookupOutcomeSchema>> {
  const devices = isHandle(handle) ? await directory.devices(handle) : undefined
  if (devices === undefined) return { handle, outcome: { case: 'unknown', value: {} } }
  const deviceCertificates = devices.map(({ certificate }) => certificate)
  return { handle, outcome: { case: 'devices', value: { deviceCertificates } } }
}

type LookupInit = MessageInitShape<typeof LookupOutcomeSchema>

/** About the bytes of the answers to look-ups. */
function lookupBytes(lookups: readonly LookupInit[]): number {
  let bytes = 0
  for (const { outcome } of lookups) {
    bytes += ENTRY_BYTES
    if (outcome?.case === 'devices')
      for (const certificate of outcome.value.deviceCertificates ?? [])
        bytes += certificate.length + ENTRY_BYTES
  }
  return bytes
}
