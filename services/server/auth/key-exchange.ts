import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type ClaimedDevicesSchema,
  type ClaimOutcomeSchema,
  type KeyExchangeRequest,
  type KeyExchangeResponse,
  KeyExchangeResponseSchema,
  type LookupOutcomeSchema,
} from '../../../gen/parley/v1/key_exchange_pb.js'
import { isHandle } from '../../protocol/identity/handle.js'
import { METHODS } from '../../protocol/method.js'
import { KEY_PACKAGE_BYTES, type RelayLimits } from '../limits.js'
import type { ClaimedKeyPackage, DeviceId, Directory, KeyPackages } from '../store/store.js'
import { frameFailure, storeFailure } from './failure.js'
import { checkDeviceCertificate } from './identity-check.js'
import type { ProofClaim } from './proof.js'
import { changeAccount, type RegistrationOptions } from './registration.js'

interface KeyExchangeOptions extends RegistrationOptions {
  directory: Directory
  keyPackages: KeyPackages
  checkProof: (claim: ProofClaim) => Promise<DeviceId>
}

/** The handler of KeyExchange: proves, then revokes, registers, publishes, claims and looks up, in that order. */
export function createKeyExchange(
  options: KeyExchangeOptions,
): (request: KeyExchangeRequest) => Promise<KeyExchangeResponse> {
  return async request => {
    checkFields(request, options.limits)
    const device =
      request.deviceCertificate.length > 0 ? checkDeviceCertificate(request.deviceCertificate) : undefined
    const claim: ProofClaim = { signed: request.proof, method: METHODS.keyExchange }
    const id = await options.checkProof(device ? { ...claim, certified: device.deviceId } : claim)
    try {
      const refusal = await changeAccount(options, { id, certified: device }, request)
      if (refusal)
        return create(KeyExchangeResponseSchema, { outcome: { case: 'refused', value: { reason: refusal } } })
      return await exchange(options, id, request)
    } catch (error) {
      throw storeFailure(error)
    }
  }
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
    if (keyPackage.length > KEY_PACKAGE_BYTES)
      throw frameFailure(`key packages have at most ${KEY_PACKAGE_BYTES} bytes`)
}

async function exchange(
  { directory, keyPackages }: KeyExchangeOptions,
  id: DeviceId,
  request: KeyExchangeRequest,
): Promise<KeyExchangeResponse> {
  const { keyPackages: oneTime, lastResortKeyPackage: lastResort } = request
  if (oneTime.length > 0 || lastResort.length > 0)
    await keyPackages.publish(id, lastResort.length > 0 ? { oneTime, lastResort } : { oneTime })
  const claims = await Promise.all(request.claimHandles.map(handle => claim(keyPackages, id, handle)))
  const lookups = await Promise.all(request.lookupHandles.map(handle => lookup(directory, handle)))
  const { left, hasLastResort } = await keyPackages.count(id)
  return create(KeyExchangeResponseSchema, {
    outcome: { case: 'exchanged', value: { keyPackagesLeft: left, hasLastResort, claims, lookups } },
  })
}

async function claim(
  keyPackages: KeyPackages,
  id: DeviceId,
  handle: string,
): Promise<MessageInitShape<typeof ClaimOutcomeSchema>> {
  const claimed = isHandle(handle) ? await keyPackages.claim(handle, id) : undefined
  if (claimed === undefined) return { handle, outcome: { case: 'unknown', value: {} } }
  return { handle, outcome: { case: 'devices', value: claimedDevices(claimed) } }
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

function claimedDevices(
  claimed: readonly ClaimedKeyPackage[],
): MessageInitShape<typeof ClaimedDevicesSchema> {
  return {
    devices: claimed.map(({ certificate, keyPackage, lastResort }) => ({
      deviceCertificate: certificate,
      keyPackage: keyPackage ?? new Uint8Array(),
      lastResort,
    })),
  }
}
