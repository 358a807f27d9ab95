// Whether the server that answers is the one that is meant. The way in which its key came to be trusted stays: where it was
// pinned, this key only; where an authority vouched for it, only one that an authority vouches for under the same name.
// At first contact it is the one that an invite link names, or one that an authority vouches for, or whatever it is.

import { formatFingerprint } from '../../protocol/identity/fingerprint.js'
import { type Address, formatAddress } from '../../protocol/invite/address.js'
import type { SeenCertificate, Trust } from '../../rpc/channel.js'
import { LineStopped } from '../codes/line-error.js'

export interface ServerTrust {
  /** How to verify the connection. */
  trust: Trust
  /** First contact: the trust is to be kept, in the way that `trust` says. */
  isFirst: boolean
}

/** How a server's key came to be trusted. */
export type Trusted =
  /** SHA-256 of the SubjectPublicKeyInfo. */
  | { case: 'pinnedFingerprint'; value: Uint8Array }
  /** The name under which an authority vouched for it. */
  | { case: 'vouchedHost'; value: string }
  | { case: undefined; value?: undefined }

interface ExpectedServer extends Address {
  trusted: Trusted
  /** From an invite link. */
  invited: Uint8Array | undefined
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

/** Throws LineStopped for a server that is not the one that is expected. */
export function trustServer(seen: SeenCertificate, expected: ExpectedServer): ServerTrust {
  const { trusted } = expected
  if (trusted.case === 'pinnedFingerprint') return asPinned(seen, expected, trusted.value)
  if (trusted.case === 'vouchedHost') return asVouched(seen, expected, trusted.value)
  return atFirst(seen, expected)
}

const exactly = ({ certificate }: SeenCertificate): Trust => ({ kind: 'pinned', certificate })

function asPinned(seen: SeenCertificate, address: Address, pinned: Uint8Array): ServerTrust {
  if (same(pinned, seen.fingerprint)) return { trust: exactly(seen), isFirst: false }
  throw new LineStopped({
    code: 'server-changed',
    address: formatAddress(address),
    pinned: formatFingerprint(pinned),
    seen: formatFingerprint(seen.fingerprint),
  })
}

function asVouched(seen: SeenCertificate, address: Address, host: string): ServerTrust {
  if (seen.authority && address.host === host) return { trust: { kind: 'authority' }, isFirst: false }
  throw new LineStopped({
    code: 'server-not-vouched',
    address: formatAddress(address),
    host,
    seen: formatFingerprint(seen.fingerprint),
  })
}

function atFirst(seen: SeenCertificate, { invited, ...address }: ExpectedServer): ServerTrust {
  if (invited && !same(invited, seen.fingerprint))
    throw new LineStopped({
      code: 'server-not-invited',
      address: formatAddress(address),
      invited: formatFingerprint(invited),
      seen: formatFingerprint(seen.fingerprint),
    })
  const isVouched = !invited && seen.authority
  return { trust: isVouched ? { kind: 'authority' } : exactly(seen), isFirst: true }
}
