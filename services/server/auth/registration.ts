// The part of KeyExchange that changes an account: its list and removals are taken in, and the caller is registered.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { AccountDevicesSchema } from '../../../gen/parley/v1/identity_pb.js'
import type { KeyExchangeParts, RegistrationRefusedSchema } from '../../../gen/parley/v1/key_exchange_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { accountKey as toAccountKey } from '../../protocol/keys.js'
import type { Cluster } from '../cluster.js'
import type { RelayLimits } from '../limits.js'
import type {
  AccountChange,
  AccountRecord,
  ChangeOutcome,
  DeviceId,
  Directory,
  RegisteredDevice,
  Registration,
} from '../store/store.js'
import { frameFailure } from './failure.js'
import { HANDLE_RULE } from './handle-rule.js'
import { checkDeviceCertificate, checkDeviceList, checkDeviceRemovals } from './identity-check.js'
import { hashInvite } from './invite-hash.js'

export interface RegistrationOptions {
  directory: Pick<Directory, 'account' | 'accountOf' | 'change'>
  serverId: Uint8Array
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
  registered: RegisteredDevice | undefined
}

type Refusal = NonNullable<MessageInitShape<typeof RegistrationRefusedSchema>['reason']>

type Asked = Pick<KeyExchangeParts, 'deviceCertificate' | 'deviceList' | 'deviceRemovals' | 'inviteToken'>

/**
 * Takes in what the request brings of the caller's account; returns why the caller is not registered, if it is not.
 * Throws an RpcError for what does not hold, before anything is changed.
 */
export async function changeAccount(
  options: RegistrationOptions,
  caller: Caller,
  asked: Asked,
): Promise<Refusal | undefined> {
  const { registered } = caller
  if (asked.deviceList.length === 0 && (!registered || registered.blocked))
    return await refusalOfUnlisted(options, caller, asked)
  const change = changeOf(options, caller, asked)
  if (!change) return { case: 'handleInvalid', value: { rule: HANDLE_RULE } }
  if (isReserved(options, caller, change)) return { case: 'handleReserved', value: {} }
  if (!change.list && change.removals.length === 0) return undefined
  const newAccounts = options.isOperator(change.accountKey) ? 'open' : options.registration
  const invite = asked.inviteToken === '' ? {} : { inviteHash: hashInvite(asked.inviteToken) }
  const changed = await options.directory.change(change, { newAccounts, ...invite })
  for (const device of changed.ended) options.cluster.closeSession(device, 'revoked')
  const isNews = (changed.isChanged && changed.outcome !== 'registered') || changed.outcome === 'added'
  if (isNews) options.cluster.accountChanged(change.handle, changed.ended)
  return refusalOf(changed, options.limits)
}

/** A caller without a list that is not in use is told the devices of its account. */
async function refusalOfUnlisted(
  { directory, serverId }: RegistrationOptions,
  { id: caller, registered }: Caller,
  { deviceCertificate }: Asked,
): Promise<Refusal> {
  if (registered?.blocked === 'banned') return { case: 'banned', value: {} }
  if (registered)
    return { case: 'deviceRevoked', value: devicesIn(await directory.account(registered.handle)) }
  const certificate = checkDeviceCertificate(deviceCertificate, { caller, serverId })
  return { case: 'notListed', value: devicesIn(await directory.accountOf(certificate.accountKey)) }
}

/** undefined: the handle breaks the rule. */
function changeOf(
  { serverId }: RegistrationOptions,
  { id: caller, registered }: Caller,
  { deviceList: encoded, deviceRemovals }: Asked,
): AccountChange | undefined {
  const content = encoded.length > 0 ? checkDeviceList(encoded, { serverId }) : undefined
  if (encoded.length > 0 && !content) return undefined
  const { handle, accountKey } = content ?? registered!
  return {
    ...{ caller, handle, accountKey: toAccountKey(accountKey) },
    list: content && { content, encoded },
    removals: checkDeviceRemovals(deviceRemovals, accountKey),
  }
}

/** A device that is registered already under the handle keeps it, whatever the operator is called since. */
function isReserved(
  { operatorHandle, isOperator }: RegistrationOptions,
  { registered }: Caller,
  { handle, accountKey }: AccountChange,
): boolean {
  if (handle !== operatorHandle || isOperator(accountKey)) return false
  return registered?.handle !== handle || !equalBytes(registered.accountKey, accountKey)
}

/** An account as it is told. */
export const accountDevicesOf = ({
  deviceList,
  removals,
}: AccountRecord): MessageInitShape<typeof AccountDevicesSchema> => ({
  deviceList,
  removals: [...removals],
})

const devicesIn = (account: AccountRecord | undefined) =>
  account ? { account: accountDevicesOf(account) } : {}

function refusalOf({ outcome, account }: ChangeOutcome, limits: RelayLimits): Refusal | undefined {
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
      return { case: 'deviceRevoked', value: devicesIn(account) }
    case 'not-listed':
      return { case: 'notListed', value: devicesIn(account) }
    case 'list-not-newer':
      return { case: 'listNotNewer', value: devicesIn(account) }
    case 'too-many-devices':
      return { case: 'tooManyDevices', value: { limit: limits.devicesPerAccount, ...devicesIn(account) } }
    case 'list-not-timely':
      throw frameFailure('device_list: its number is too far ahead: set the clock')
  }
}
