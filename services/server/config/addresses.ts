import { networkInterfaces } from 'node:os'
import { type Address, formatAddress } from '../../protocol/invite/address.js'

/** Under which hosts a server that listens on this one can be dialled, from near to far. */
export function dialHosts(host: string): string[] {
  if (host !== '0.0.0.0' && host !== '::') return [host]
  const addresses = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  const outside = addresses.filter(({ family, internal }) => family === 'IPv4' && !internal)
  return ['localhost', ...outside.map(({ address }) => address)]
}

/** An address as others know it: a zone ("%eth0") means something on this machine only. */
export function withoutZone({ host, port }: Address): Address {
  return { host: host.replace(/%.*$/, ''), port }
}

/** HOST:PORT for a person to read, with brackets around an IPv6 address. */
export function shownAddress(address: Address): string {
  return formatAddress(withoutZone(address))
}

/** The hosts that the greeting says to dial, each of which is to be in the server's own certificate. */
export function certificateNames(options: { host: string; publicAddress: Address | undefined }): string[] {
  const { host, publicAddress } = options
  const hosts = [...dialHosts(host), ...(publicAddress ? [publicAddress.host] : [])]
  return hosts.map(each => withoutZone({ host: each, port: 0 }).host)
}
