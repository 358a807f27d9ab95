import { isIPv6 } from './ip-address.js'

/** The port that a server listens on unless it is told another. */
const DEFAULT_PORT = 5000
/** Length in characters up to which a host's name is read (RFC 1035 section 2.3.4). */
const MAX_HOST_LENGTH = 253
/** 16 bits (RFC 9293 section 3.1). */
export const MAX_PORT = 65_535

// A host's name as name servers and container networks have them, or an IPv4 address.
const HOST_NAME = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i
const BRACKETED = /^\[([^\]]*)\](?::(.*))?$/
const PLAIN = /^([^:]*)(?::(.*))?$/

export interface Address {
  /** In lower case; an IPv6 address without brackets. */
  host: string
  port: number
}

export type InviteCause =
  /** Of an address: no HOST:PORT; brackets around what is no IPv6 address; a host, or a port, that cannot be one. */
  | { code: 'bad-address' | 'bad-brackets' | 'no-host' | 'bad-host' }
  | { code: 'bad-port'; highest: number }
  /** Of a link: it begins as no link does, or goes on as none does. */
  | { code: 'not-a-link'; scheme: string }
  | { code: 'link-too-long' | 'bad-link' | 'no-server-key' }
  /** A parameter is there more than once. */
  | { code: 'repeated'; parameter: string }
  /** The part that is cut off or mistyped. */
  | { code: 'bad-server-key' | 'bad-inviter' | 'bad-inviter-key' | 'bad-token' }

/** An address or an invite link that is wrong. */
export class InviteError extends Error {
  override name = 'InviteError'
  constructor(readonly why: InviteCause) {
    super(why.code)
  }
}

/** Reads `host`, `host:port`, `[IPv6]`, `[IPv6]:port` or a bare IPv6 address. Throws nothing but InviteError. */
export function parseAddress(text: string): Address {
  if (isIPv6(withoutZone(text))) return { host: checkHost(text), port: DEFAULT_PORT }
  const bracketed = BRACKETED.exec(text)
  if (bracketed && !isIPv6(withoutZone(bracketed[1]!))) {
    throw new InviteError({ code: 'bad-brackets' })
  }
  const parts = bracketed ?? PLAIN.exec(text)
  if (!parts) throw new InviteError({ code: 'bad-address' })
  return { host: checkHost(parts[1]!), port: parsePort(parts[2]) }
}

/** `host:port`, with brackets around an IPv6 host. Throws InviteError for what parseAddress would not read. */
export function formatAddress(address: Address): string {
  const host = checkHost(address.host)
  return `${isIPv6(host) ? `[${host}]` : host}:${parsePort(String(address.port))}`
}

function checkHost(host: string): string {
  if (host === '') throw new InviteError({ code: 'no-host' })
  const valid = isIPv6(host) || (host.length <= MAX_HOST_LENGTH && HOST_NAME.test(host))
  if (!valid) throw new InviteError({ code: 'bad-host' })
  return host.toLowerCase()
}

/** An IPv6 address with a zone ("%eth0") is one, though none that is good for another machine. */
const withoutZone = (text: string) => text.replace(/%.*/, '')

function parsePort(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PORT
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > MAX_PORT) throw new InviteError({ code: 'bad-port', highest: MAX_PORT })
  return port
}
