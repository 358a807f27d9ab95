// Whether the server that answers is the one that is meant: the key that was pinned, or the one that an invite
// link names, or one that an authority vouches for; and at first contact, if nothing else is known, whatever it is.

import { formatFingerprint } from '../../protocol/identity/fingerprint.js'
import type { SeenCertificate, Trust } from '../../rpc/channel.js'
import { LineStopped } from '../codes/line-error.js'

export interface ServerTrust {
  /** How to verify the connection, and whether the key is to be pinned now. */
  trust: Trust
  pin: boolean
}

interface ExpectedServer {
  address: string
  /** SHA-256 of the SubjectPublicKeyInfo. */
  pinned: Uint8Array | undefined
  /** From an invite link. */
  invited: Uint8Array | undefined
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

/** Throws LineStopped for a server that is not the one that is expected. */
export function trustServer(
  seen: SeenCertificate,
  { address, pinned, invited }: ExpectedServer,
): ServerTrust {
  const exactly: Trust = { kind: 'pinned', certificate: seen.certificate }
  if (pinned && !same(pinned, seen.fingerprint))
    throw new LineStopped({
      code: 'server-changed',
      address,
      pinned: formatFingerprint(pinned),
      seen: formatFingerprint(seen.fingerprint),
    })
  if (pinned) return { trust: exactly, pin: false }
  if (invited && !same(invited, seen.fingerprint))
    throw new LineStopped({
      code: 'server-not-invited',
      address,
      invited: formatFingerprint(invited),
      seen: formatFingerprint(seen.fingerprint),
    })
  if (invited) return { trust: exactly, pin: true }
  if (seen.authority) return { trust: { kind: 'authority' }, pin: false }
  return { trust: exactly, pin: true }
}
