// The part of KeyExchange that changes an account: devices are revoked first, then the caller is registered.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { KeyExchangeRequest, RegistrationRefusedSchema } from '../../../gen/parley/v1/key_exchange_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { isHandle } from '../../protocol/identity/handle.js'
import type { Cluster } from '../cluster.js'
import type { RelayLimits } from '../limits.js'
import type { DeviceId, DeviceRecord, Directory, RegisterOutcome, Registration } from '../store/store.js'
import { HANDLE_RULE } from './handle-rule.js'
import { checkDeviceRevocation } from './identity-check.js'
import { hashInvite } from './invite-hash.js'

export interface RegistrationOptions {
  directory: Pick<Directory, 'device' | 'devices' | 'register' | 'revoke'>
  limits: RelayLimits
  registration: Registration
  /** Empty: none is kept back. */
  operatorHandle: string
  /** Whether the operator's own process announced this account key. */
  isOperator: (accountKey: Uint8Array) => boolean
  cluster: Pick<Cluster, 'closeSession' | 'accountChanged'>
}

/** The device that calls. */
interface Caller {
  id: DeviceId
  /** From the verified certificate that came with the call. */
  certified: DeviceRecord | undefined
}

type Refusal = NonNullable<MessageInitShape<typeof RegistrationRefusedSchema>['reason']>

type Asked = Pick<KeyExchangeRequest, 'deviceRevocations' | 'inviteToken'>

/**
 * Revokes and registers as the request asks; returns why the caller is not registered, if it is not.
 * Throws an RpcError for a revocation that does not hold, before anything is changed.
 */
export async function changeAccount(
  options: RegistrationOptions,
  caller: Caller,
  asked: Asked,
): Promise<Refusal | undefined> {
  const { certified } = caller
  const refusal = certified && (await refusalBeforehand(options, certified))
  if (refusal) return refusal
  const account = certified ?? (await options.directory.device(caller.id))
  if (account === undefined) return undefined
  const ids = asked.deviceRevocations.map(encoded => checkDeviceRevocation(encoded, account))
  const revoked = ids.length > 0 ? await options.directory.revoke(account, ids) : []
  for (const device of revoked) options.cluster.closeSession(device, 'revoked')
  const outcome = certified ? await register(options, certified, asked.inviteToken) : 'known'
  if (revoked.length > 0 || outcome === 'added') options.cluster.accountChanged(account.handle, revoked)
  if (outcome === 'too-many-devices') return await tooManyDevices(options, account.handle)
  return refusalOf(outcome)
}

/** The certificates are for the account's own eyes: the caller has shown one that its key signed. */
async function tooManyDevices({ directory, limits }: RegistrationOptions, handle: string): Promise<Refusal> {
  const devices = (await directory.devices(handle)) ?? []
  const deviceCertificates = devices.map(({ certificate }) => certificate)
  return { case: 'tooManyDevices', value: { limit: limits.devicesPerAccount, deviceCertificates } }
}

async function refusalBeforehand(
  options: RegistrationOptions,
  device: DeviceRecord,
): Promise<Refusal | undefined> {
  if (!isHandle(device.handle)) return { case: 'handleInvalid', value: { rule: HANDLE_RULE } }
  if (await isReserved(options, device)) return { case: 'handleReserved', value: {} }
  return undefined
}

/** A device that is registered already under the handle keeps it, whatever the operator is called since. */
async function isReserved(options: RegistrationOptions, device: DeviceRecord): Promise<boolean> {
  if (device.handle !== options.operatorHandle || options.isOperator(device.accountKey)) return false
  const registered = await options.directory.device(device.deviceId)
  return registered?.handle !== device.handle || !equalBytes(registered.accountKey, device.accountKey)
}

function register(
  { directory, registration, isOperator }: RegistrationOptions,
  device: DeviceRecord,
  inviteToken: string,
): Promise<RegisterOutcome> {
  const newAccounts = isOperator(device.accountKey) ? 'open' : registration
  const invite = inviteToken === '' ? {} : { inviteHash: hashInvite(inviteToken) }
  return directory.register(device, { newAccounts, ...invite })
}

function refusalOf(outcome: Exclude<RegisterOutcome, 'too-many-devices'>): Refusal | undefined {
  switch (outcome) {
    case 'registered':
    case 'added':
    case 'known':
      return undefined
    case 'handle-taken':
      return { case: 'handleTaken', value: {} }
    case 'invite-needed':
      return { case: 'inviteNeeded', value: {} }
    case 'invite-invalid':
      return { case: 'inviteInvalid', value: {} }
    case 'registration-closed':
      return { case: 'registrationClosed', value: {} }
    case 'banned':
      return { case: 'banned', value: {} }
    case 'revoked':
      return { case: 'deviceRevoked', value: {} }
  }
}
