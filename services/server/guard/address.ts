// The subject of a limit by address.

import { isIPv6 } from 'node:net'

/** Pieces of 16 bits. */
const PIECES = 8
/** An IPv6 address is one of 2^64 that a single line has: its first 64 bits stand for all of them (RFC 6177). */
const PREFIX_PIECES = 4
const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** The part of an address that stands for whoever has it: an IPv4 address, or the first 64 bits of an IPv6 one. */
export function addressSubject(address: string): string {
  const withoutZone = address.replace(/%.*$/, '')
  const mapped = MAPPED_IPV4.exec(withoutZone)?.[1]
  if (mapped !== undefined) return mapped
  return isIPv6(withoutZone) ? `${prefixOf(withoutZone)}::/64` : withoutZone
}

/** The address has no IPv4 part: one that is mapped was taken out before, and others come from no socket. */
function prefixOf(address: string): string {
  const [before = '', after] = address.toLowerCase().split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after === undefined || after === '' ? [] : after.split(':')
  const zeros = after === undefined ? 0 : PIECES - head.length - tail.length
  const pieces = [...head, ...Array.from({ length: zeros }, () => '0'), ...tail]
  return pieces
    .slice(0, PREFIX_PIECES)
    .map(piece => Number.parseInt(piece, 16).toString(16))
    .join(':')
}
