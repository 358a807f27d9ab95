import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type ClaimedDevicesSchema,
  type ClaimOutcomeSchema,
  type KeyExchangeRequest,
  type KeyExchangeResponse,
  KeyExchangeResponseSchema,
  type RegistrationRefusedSchema,
} from '../../gen/parley/v1/key_exchange_pb.js'
import { checkDeviceCertificate, HANDLE_RULE, handleIsValid } from './certificate-check.js'
import { frameFailure, storeFailure } from './failure.js'
import { KEY_PACKAGE_BYTES, type RelayLimits } from './limits.js'
import { METHODS, type ProofClaim } from './proof.js'
import type { ClaimedKeyPackage, DeviceId, DeviceRecord, Directory } from './store.js'

export interface KeyExchangeOptions {
  directory: Directory
  checkProof: (claim: ProofClaim) => Promise<DeviceId>
  limits: RelayLimits
  /** Empty: none is kept back. */
  operatorHandle: string
  /** Whether the operator's own process announced this account key. */
  isOperator: (accountKey: Uint8Array) => boolean
}

type Refusal = NonNullable<MessageInitShape<typeof RegistrationRefusedSchema>['reason']>

/** The handler of KeyExchange: proves, then registers, publishes and claims, in that order. */
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
      const refusal = device && (await register(options, device))
      if (refusal)
        return create(KeyExchangeResponseSchema, { outcome: { case: 'refused', value: { reason: refusal } } })
      return await exchange(options.directory, id, request)
    } catch (error) {
      throw storeFailure(error)
    }
  }
}

/** Looked at before anything is changed. Throws INVALID_ARGUMENT. */
function checkFields(request: KeyExchangeRequest, limits: RelayLimits): void {
  if (request.claimHandles.length > limits.claimsPerCall)
    throw frameFailure(`claim_handles: at most ${limits.claimsPerCall} in one call`)
  for (const keyPackage of request.keyPackages)
    if (keyPackage.length === 0) throw frameFailure('key_packages: one of them is empty')
  for (const keyPackage of [...request.keyPackages, request.lastResortKeyPackage])
    if (keyPackage.length > KEY_PACKAGE_BYTES)
      throw frameFailure(`key packages have at most ${KEY_PACKAGE_BYTES} bytes`)
}

/** Registers a device that proved itself; returns why not, if not. */
async function register(options: KeyExchangeOptions, device: DeviceRecord): Promise<Refusal | undefined> {
  if (!handleIsValid(device.handle)) return { case: 'handleInvalid', value: { rule: HANDLE_RULE } }
  if (await isReserved(options, device)) return { case: 'handleReserved', value: {} }
  const outcome = await options.directory.register(device)
  if (outcome === 'handle-taken') return { case: 'handleTaken', value: {} }
  if (outcome === 'too-many-devices')
    return { case: 'tooManyDevices', value: { limit: options.limits.devicesPerAccount } }
  return undefined
}

/** A device that is registered already under the handle keeps it, whatever the operator is called since. */
async function isReserved(options: KeyExchangeOptions, device: DeviceRecord): Promise<boolean> {
  if (device.handle !== options.operatorHandle || options.isOperator(device.accountKey)) return false
  const registered = await options.directory.device(device.deviceId)
  return (
    registered?.handle !== device.handle || Buffer.compare(registered.accountKey, device.accountKey) !== 0
  )
}

async function exchange(
  directory: Directory,
  id: DeviceId,
  request: KeyExchangeRequest,
): Promise<KeyExchangeResponse> {
  const { keyPackages: oneTime, lastResortKeyPackage: lastResort } = request
  if (oneTime.length > 0 || lastResort.length > 0)
    await directory.publish(id, lastResort.length > 0 ? { oneTime, lastResort } : { oneTime })
  const claims = await Promise.all(request.claimHandles.map(handle => claim(directory, id, handle)))
  const { left, hasLastResort } = await directory.keyPackages(id)
  return create(KeyExchangeResponseSchema, {
    outcome: { case: 'exchanged', value: { keyPackagesLeft: left, hasLastResort, claims } },
  })
}

async function claim(
  directory: Directory,
  id: DeviceId,
  handle: string,
): Promise<MessageInitShape<typeof ClaimOutcomeSchema>> {
  const claimed = handleIsValid(handle) ? await directory.claim(handle, id) : undefined
  if (claimed === undefined) return { handle, outcome: { case: 'unknown', value: {} } }
  return { handle, outcome: { case: 'devices', value: claimedDevices(claimed) } }
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
