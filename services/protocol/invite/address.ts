import { isIPv6 } from './ip-address.js'

/** The port that a server listens on unless it is told another. */
export const DEFAULT_PORT = 5000
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

/** What is wrong with an address or an invite link, said to the person who typed it. */
export class InviteError extends Error {
  override name = 'InviteError'
}

/** Reads `host`, `host:port`, `[IPv6]`, `[IPv6]:port` or a bare IPv6 address. Throws nothing but InviteError. */
export function parseAddress(text: string): Address {
  if (isIPv6(withoutZone(text))) return { host: checkHost(text), port: DEFAULT_PORT }
  const bracketed = BRACKETED.exec(text)
  if (bracketed && !isIPv6(withoutZone(bracketed[1]!))) {
    throw new InviteError('What stands between the brackets is not an IPv6 address.')
  }
  const parts = bracketed ?? PLAIN.exec(text)
  if (!parts) throw new InviteError('An address is HOST:PORT; an IPv6 host stands in brackets, [::1]:5000.')
  return { host: checkHost(parts[1]!), port: parsePort(parts[2]) }
}

/** `host:port`, with brackets around an IPv6 host. Throws InviteError for what parseAddress would not read. */
export function formatAddress(address: Address): string {
  const host = checkHost(address.host)
  return `${isIPv6(host) ? `[${host}]` : host}:${parsePort(String(address.port))}`
}

function checkHost(host: string): string {
  if (host === '') throw new InviteError('The host is missing: an address is HOST:PORT.')
  const valid = isIPv6(host) || (host.length <= MAX_HOST_LENGTH && HOST_NAME.test(host))
  if (!valid) throw new InviteError("The host is neither a host's name nor an IP address.")
  return host.toLowerCase()
}

/** An IPv6 address with a zone ("%eth0") is one, though none that is good for another machine. */
const withoutZone = (text: string) => text.replace(/%.*$/, '')

function parsePort(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PORT
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > MAX_PORT) throw new InviteError(`The port is not a number from 1 to ${MAX_PORT}.`)
  return port
}
