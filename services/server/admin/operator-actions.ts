// The operator's console asks these of the relay, in the same process.

import type { Address } from '../../protocol/invite/address.js'
import { formatInvite, type Inviter } from '../../protocol/invite/invite-link.js'
import { dialHosts, withoutZone } from '../config/addresses.js'
import type { AbuseCount } from '../guard/abuse-log.js'
import type { Ban, Registration } from '../store/store.js'
import type { RelayAdmission } from './admission.js'

interface OperatorActionsOptions {
  host: string
  /** How others reach the server, where that is not an address of this machine. */
  publicAddress: Address | undefined
  registration: Registration
  /** The operator. */
  inviter: Inviter
}

/** The relay that runs beside the console. */
type RelayBeside = RelayAdmission & {
  port: number
  fingerprint: Uint8Array
  serverId: Uint8Array
  directoryKey: Uint8Array
  abuse(): AbuseCount[]
}

export function operatorActions(relay: RelayBeside, options: OperatorActionsOptions) {
  const { host, publicAddress, registration, inviter } = options
  const hosts = dialHosts(host)
  const address = publicAddress ?? withoutZone({ host: hosts[1] ?? hosts[0]!, port: relay.port })
  return {
    async inviteLink(): Promise<string> {
      const token = registration === 'invite' ? await relay.createInvite() : undefined
      const { fingerprint: server, serverId, directoryKey } = relay
      return formatInvite({
        ...address,
        server,
        serverId,
        directoryKey,
        inviter,
        ...(token ? { token } : {}),
      })
    },
    ban: (handle: string) => relay.ban({ handle }),
    unban: (handle: string) => relay.unban({ handle }),
    bans: async () =>
      (await relay.bans()).map(ban => ({ name: subjectName(ban), bannedAt: new Date(ban.bannedAt) })),
    abuse: () => relay.abuse().map(count => ({ ...count, lastAt: new Date(count.lastAt) })),
  }
}

const subjectName = (ban: Ban): string =>
  'handle' in ban ? ban.handle : `device ${Buffer.from(ban.deviceId).toString('base64url')}`
