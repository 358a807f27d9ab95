// What the operator's console asks of the relay, in the same process.

import { dialHosts, inviteLink, type Place } from '../config/invite.js'
import type { Ban, Registration } from '../store/store.js'
import type { RelayAdmission } from './admission.js'

export interface OperatorActionsOptions {
  host: string
  /** How others reach the server, where that is not an address of this machine. */
  publicAddress: Place | undefined
  registration: Registration
  operatorHandle: string
  /** The operator's. */
  accountKey: Uint8Array
}

/** The relay that runs beside the console. */
type RelayBeside = RelayAdmission & { port: number; fingerprint: Uint8Array }

export function operatorActions(relay: RelayBeside, options: OperatorActionsOptions) {
  const { host, publicAddress, registration, operatorHandle, accountKey } = options
  const hosts = dialHosts(host)
  const place = publicAddress ?? { host: hosts[1] ?? hosts[0]!, port: relay.port }
  return {
    async inviteLink(): Promise<string> {
      const token = registration === 'invite' ? await relay.createInvite() : undefined
      return inviteLink(place, relay.fingerprint, { handle: operatorHandle, accountKey }, token)
    },
    ban: (handle: string) => relay.ban({ handle }),
    unban: (handle: string) => relay.unban({ handle }),
    bans: async () =>
      (await relay.bans()).map(ban => ({ name: subjectName(ban), bannedAt: new Date(ban.bannedAt) })),
  }
}

const subjectName = (ban: Ban): string =>
  'handle' in ban ? ban.handle : `device ${Buffer.from(ban.deviceId).toString('base64url')}`
