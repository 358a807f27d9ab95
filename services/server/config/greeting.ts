import { dialHosts, formatPlace, inviteLink, type Place } from './invite.js'
import { formatFingerprint } from './tls.js'

export interface GreetingOptions {
  host: string
  port: number
  fingerprint: Uint8Array
  publicAddress: Place | undefined
  /** The operator, where the console is on. */
  inviter?: { handle: string; accountKey: Uint8Array }
}

/** What the operator needs to know at a start: where it listens, how it is known, how others come in. */
export function greeting({ host, port, fingerprint, publicAddress, inviter }: GreetingOptions): string[] {
  const hosts = dialHosts(host)
  const near = { host: hosts[0]!, port }
  const far = publicAddress ?? { host: hosts[1] ?? hosts[0]!, port }
  return [
    `Listening on ${formatPlace({ host, port })} (dial ${hosts.map(each => formatPlace({ host: each, port })).join(' or ')})`,
    `Fingerprint  ${formatFingerprint(fingerprint)}`,
    `Invite link  ${inviteLink(far, fingerprint, inviter)}`,
    `In another terminal:  npm run client -- '${inviteLink(near, fingerprint, inviter)}'`,
  ]
}
