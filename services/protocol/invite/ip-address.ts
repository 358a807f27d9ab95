// IP addresses as text, where only their form matters.

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/
const PIECE = /^[0-9a-f]{1,4}$/i
/** Pieces of 16 bits. */
const PIECES = 8

/** Dotted decimal, without zeros in front. */
export function isIPv4(text: string): boolean {
  return IPV4.test(text)
}

/** RFC 4291 section 2.2, in all three forms; without a zone ("%eth0"), which means something on one machine only. */
export function isIPv6(text: string): boolean {
  const [before, after, ...more] = text.split('::')
  if (more.length > 0) return false
  if (after === undefined) return piecesIn(before!, true) === PIECES
  return piecesIn(before!, false) + piecesIn(after, true) < PIECES
}

/** How many pieces stand between colons, where the last two may be an IPv4 address; NaN: something else stands there. */
function piecesIn(text: string, isEnd: boolean): number {
  if (text === '') return 0
  const pieces = text.split(':')
  const hasIPv4 = isEnd && isIPv4(pieces.at(-1)!)
  const own = hasIPv4 ? pieces.slice(0, -1) : pieces
  return own.every(piece => PIECE.test(piece)) ? own.length + (hasIPv4 ? 2 : 0) : Number.NaN
}
