import { formatFingerprint } from '../../protocol/identity/fingerprint.js'
import type { Address } from '../../protocol/invite/address.js'
import { formatInvite, type Inviter } from '../../protocol/invite/invite-link.js'
import type { Registration } from '../store/store.js'
import { dialHosts, shownAddress, withoutZone } from './addresses.js'

interface GreetingOptions {
  host: string
  port: number
  /** SHA-256 (32 bytes) of the SubjectPublicKeyInfo of the certificate. */
  fingerprint: Uint8Array
  /** The server's id: 16 bytes. */
  serverId: Uint8Array
  /** The public key that signs what the directory says. */
  directoryKey: Uint8Array
  publicAddress: Address | undefined
  registration: Registration
  /** The operator, where the console is on. */
  inviter?: Inviter
}

/** The links that are printed hold no token: they stay on the screen, and a token lets in whoever reads it. */
const NEWCOMERS: Readonly<Record<Registration, readonly string[]>> = {
  open: [],
  invite: ["Neither link lets a new account in: that takes one with a token, from the operator's console"],
  closed: ['Neither link lets a new account in: this server takes none'],
}

/** The operator needs to know this at a start: where it listens, how it is known, how others come in. */
export function greeting(options: GreetingOptions): string[] {
  const { host, port, fingerprint, serverId, directoryKey, publicAddress, registration, inviter } = options
  const hosts = dialHosts(host)
  const near = { host: hosts[0]!, port }
  const far = publicAddress ?? { host: hosts[1] ?? hosts[0]!, port }
  const link = (address: Address) =>
    formatInvite({
      ...{ ...withoutZone(address), server: fingerprint, serverId, directoryKey },
      ...(inviter ? { inviter } : {}),
    })
  const dialled = hosts.map(each => shownAddress({ host: each, port }))
  return [
    `Listening on ${shownAddress({ host, port })} (dial ${dialled.join(' or ')})`,
    `Fingerprint  ${formatFingerprint(fingerprint)}`,
    `Invite link  ${link(far)}`,
    `In another terminal:  npm run client -- '${link(near)}'`,
    ...NEWCOMERS[registration],
  ]
}
