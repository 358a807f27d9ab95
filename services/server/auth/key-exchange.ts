import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type KeyExchangeParts,
  KeyExchangePartsSchema,
  type KeyExchangeRequest,
  type KeyExchangeResponse,
  KeyExchangeResponseSchema,
  type LookupOutcomeSchema,
} from '../../../gen/parley/v1/key_exchange_pb.js'
import { isHandle } from '../../protocol/identity/handle.js'
import { METHODS } from '../../protocol/method.js'
import { DIRECTORY_STATEMENT_BYTES } from '../../protocol/sizes.js'
import { decode } from '../../rpc/codec/codec.js'
import type { CallContext } from '../../rpc/service.js'
import type { Cluster } from '../cluster.js'
import type { Guard } from '../guard/guard.js'
import { type RelayLimits, UNPROVEN_FIELDS } from '../limits.js'
import type { DeviceId, Directory, KeyPackages } from '../store/store.js'
import { accountBytes, claimAll, ENTRY_BYTES } from './claim.js'
import type { StateDirectory } from './directory-statements.js'
import { frameFailure, rateLimited, storeFailure } from './failure.js'
import type { ProofCheck } from './proof.js'
import { accountDevicesOf, changeAccount, type RegistrationOptions } from './registration.js'

/** The highest number that a cipher suite of MLS can have. */
const MAX_SUITE = 0xffff
/** Bytes of an answer besides its claims and look-ups. */
const MARGIN_BYTES = 64 * 1024

interface KeyExchangeOptions extends RegistrationOptions {
  cluster: RegistrationOptions['cluster'] & Pick<Cluster, 'keyPackagesLeft'>
  directory: Directory
  guard: Pick<Guard, 'claims' | 'givesOneTime' | 'lookups' | 'registration'>
  keyPackages: KeyPackages
  state: StateDirectory
  proofs: Pick<ProofCheck, 'read' | 'admit'>
}

/** The handler of KeyExchange: proves, then changes the account, publishes, looks up and claims, in that order. */
export function createKeyExchange(
  options: KeyExchangeOptions,
): (request: KeyExchangeRequest, context: Pick<CallContext, 'address'>) => Promise<KeyExchangeResponse> {
  return async (request, { address }) => {
    const { proof: signed, parts: encoded } = request
    const proof = options.proofs.read({ signed, method: METHODS.keyExchange, request: encoded })
    const parts = readParts(encoded, options.limits)
    const mayBeNew = parts.deviceList.length > 0 || parts.deviceCertificate.length > 0
    const id = await options.proofs.admit(proof, { mayBeNew })
    try {
      const known = await options.directory.device(id)
      if (!known) guarded(options.guard.registration(address), 'new devices from this address')
      // Each costs a look at its signature.
      const removals = parts.deviceRemovals.length
      guarded(options.guard.lookups(known?.accountKey ?? id, removals), 'removals of this account')
      const refusal = await changeAccount(options, { id, registered: known }, parts)
      if (refusal)
        return create(KeyExchangeResponseSchema, { outcome: { case: 'refused', value: { reason: refusal } } })
      const account = (known ?? (await options.directory.device(id)))?.accountKey ?? id
      return await exchange(options, { id, account }, parts)
    } catch (error) {
      throw storeFailure(error)
    }
  }
}

/** Throws RESOURCE_EXHAUSTED where the caller has to wait. */
function guarded(waitMs: number, what: string): void {
  if (waitMs > 0) throw rateLimited(`too many ${what}`, waitMs)
}

/** Anybody can prove a key of their own, so the fields are counted. Throws INVALID_ARGUMENT and RESOURCE_EXHAUSTED. */
function readParts(encoded: Uint8Array, limits: RelayLimits): KeyExchangeParts {
  const parts = decode(KeyExchangePartsSchema, encoded, UNPROVEN_FIELDS)
  const { claimHandles, lookupHandles, deviceRemovals } = parts
  for (const [name, list] of Object.entries({
    claim_handles: claimHandles,
    lookup_handles: lookupHandles,
    device_removals: deviceRemovals,
  }))
    if (list.length > limits.claimsPerCall)
      throw frameFailure(`${name}: at most ${limits.claimsPerCall} in one call`)
  for (const keyPackage of parts.keyPackages)
    if (keyPackage.length === 0) throw frameFailure('key_packages: one of them is empty')
  for (const keyPackage of [...parts.keyPackages, parts.lastResortKeyPackage])
    if (keyPackage.length > limits.keyPackageBytes)
      throw frameFailure(`key packages have at most ${limits.keyPackageBytes} bytes`)
  checkSuite(parts)
  return parts
}

/** Throws INVALID_ARGUMENT. */
function checkSuite(parts: KeyExchangeParts): void {
  const { suite, keyPackages, lastResortKeyPackage, claimHandles, replacesKeyPackages } = parts
  const isNeeded =
    replacesKeyPackages || keyPackages.length + lastResortKeyPackage.length + claimHandles.length > 0
  if (suite > MAX_SUITE || (isNeeded && suite === 0))
    throw frameFailure(`suite: the number of a cipher suite, 1 to ${MAX_SUITE}`)
}

/** The device that calls, and the public key of its account. */
interface Caller {
  id: DeviceId
  account: Uint8Array
}

async function exchange(
  options: KeyExchangeOptions,
  caller: Caller,
  parts: KeyExchangeParts,
): Promise<KeyExchangeResponse> {
  const { keyPackages, guard } = options
  const { id, account } = caller
  const { claimHandles, lookupHandles, keyPackages: oneTime, lastResortKeyPackage: lastResort } = parts
  guarded(guard.lookups(account, lookupHandles.length), 'look-ups of this account')
  guarded(guard.claims(account, claimHandles.length), 'claims of this account')
  const { suite, replacesKeyPackages: replaces } = parts
  if (replaces || oneTime.length > 0 || lastResort.length > 0)
    await keyPackages.publish(id, { suite, oneTime, replaces, ...(lastResort.length > 0 && { lastResort }) })
  const room = options.limits.messageBytes - MARGIN_BYTES
  const lookups = await lookUpAll(options, { handles: lookupHandles, room })
  const claims = await claimAll(options, caller, {
    ...{ handles: claimHandles, suite },
    room: room - lookups.bytes,
  })
  const { left, hasLastResort } = await keyPackages.count(id, suite)
  return create(KeyExchangeResponseSchema, {
    outcome: {
      case: 'exchanged',
      value: { keyPackagesLeft: left, hasLastResort, claims, lookups: lookups.outcomes },
    },
  })
}

type LookupInit = MessageInitShape<typeof LookupOutcomeSchema>

/** `room`: bytes that the outcomes may have. Those that do not fit are to be looked up later. */
async function lookUpAll(
  { directory, state }: Pick<KeyExchangeOptions, 'directory' | 'state'>,
  { handles, room }: { handles: readonly string[]; room: number },
): Promise<{ outcomes: LookupInit[]; bytes: number }> {
  const outcomes: LookupInit[] = []
  let bytes = 0
  for (const handle of handles) {
    const isSound = isHandle(handle)
    const account = isSound ? await directory.account(handle) : undefined
    const size = (account ? accountBytes(account) : ENTRY_BYTES) + DIRECTORY_STATEMENT_BYTES
    if (bytes + size > room) break
    bytes += size
    outcomes.push({
      handle,
      outcome: account
        ? { case: 'devices', value: accountDevicesOf(account) }
        : { case: 'unknown', value: {} },
      ...(isSound && { statement: state(handle, account) }),
    })
  }
  const later = handles.slice(outcomes.length)
  for (const handle of later) outcomes.push({ handle, outcome: { case: 'later', value: {} } })
  return { outcomes, bytes: bytes + later.length * ENTRY_BYTES }
}
