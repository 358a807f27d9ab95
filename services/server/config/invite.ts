import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'

export interface Place {
  host: string
  port: number
}

/** HOST:PORT, with brackets around an IPv6 address. */
export function formatPlace({ host, port }: Place): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}

/**
 * A link that names the server and says by which keys to know it, and the person who invites. The endpoint
 * reads it; it is written here too because a relay without a console loads nothing of an endpoint. `token` (16
 * bytes in base64url) lets one new account in, and makes the link a secret until it is used.
 */
export function inviteLink(
  place: Place,
  serverFingerprint: Uint8Array,
  inviter?: { handle: string; accountKey: Uint8Array },
  token?: string,
): string {
  const link = `parley://${formatPlace(place)}/?s=${Buffer.from(serverFingerprint).toString('base64url')}`
  const by = inviter === undefined ? '' : `&i=${inviter.handle}.${accountFingerprint(inviter.accountKey)}`
  return `${link}${by}${token === undefined ? '' : `&t=${token}`}`
}

function accountFingerprint(accountKey: Uint8Array): string {
  return createHash('sha256').update(accountKey).digest('base64url')
}

/** Under which hosts a server that listens on this one can be dialled, from near to far. */
export function dialHosts(host: string): string[] {
  if (host !== '0.0.0.0' && host !== '::') return [host]
  const addresses = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  const outside = addresses.filter(({ family, internal }) => family === 'IPv4' && !internal)
  return ['localhost', ...outside.map(({ address }) => address)]
}
