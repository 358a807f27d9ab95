// How an endpoint begins: what the person gave, and what is left of an account that the server does not take.

import type { EndpointEvent, StartOptions, StopReason } from '../../endpoint/index.js'
import { parseAddress } from '../../protocol/invite/address.js'
import { type ClientOptions, DEFAULT_ADDRESS } from '../options.js'

const HANDLE_REASONS: readonly StopReason[] = ['handle-taken', 'handle-invalid', 'handle-reserved']

/** Another handle may help; a new account with this one is of no use. */
export const refusesHandle = (event: EndpointEvent): boolean =>
  event.type === 'line' && event.line.state === 'stopped' && HANDLE_REASONS.includes(event.line.reason)

/** Everything that a first start needs, and that the person asked to change. */
export function startOptions({ address, invite, acceptServer }: ClientOptions, fresh: boolean): StartOptions {
  const target = address ?? (fresh ? parseAddress(DEFAULT_ADDRESS) : undefined)
  const server =
    acceptedServer(acceptServer) ?? (invite && { fingerprint: invite.server, replacesPin: false })
  return {
    ...(target ? { address: target } : {}),
    ...(server ? { server } : {}),
    ...(invite?.serverId ? { serverId: invite.serverId } : {}),
    ...(invite?.directoryKey ? { directoryKey: invite.directoryKey } : {}),
    ...(invite?.inviter ? { inviter: invite.inviter } : {}),
    ...(invite?.token ? { inviteToken: invite.token } : {}),
  }
}

const acceptedServer = (accepted: ClientOptions['acceptServer']): StartOptions['server'] =>
  accepted instanceof Uint8Array ? { fingerprint: accepted, replacesPin: true } : accepted

export const passphraseGiven = (): string | undefined => process.env.PARLEY_PASSPHRASE || undefined
