// The key schedule and the secret tree (RFC 9420 sections 8 and 9).

import type { Suite } from './suite.js'
import { ascii, join, opaque, uint } from './tls.js'
import type { GroupContext, PskId } from './wire.js'

export interface Epoch {
  senderData: Uint8Array
  encryption: Uint8Array
  confirmation: Uint8Array
  membership: Uint8Array
  resumption: Uint8Array
  authenticator: Uint8Array
  exporter: Uint8Array
  init: Uint8Array
}

export function joinerSecret(
  suite: Suite,
  context: GroupContext,
  { init, commit }: { init: Uint8Array; commit: Uint8Array },
): Uint8Array {
  return suite.expandWithLabel(suite.extract(init, commit), 'joiner', context.raw, suite.hashLength)
}

export function welcomeKeys(suite: Suite, { joiner, psk }: { joiner: Uint8Array; psk: Uint8Array }) {
  const secret = suite.deriveSecret(suite.extract(joiner, psk), 'welcome')
  return suite.keyAndNonce((label, length) => suite.expandWithLabel(secret, label, new Uint8Array(), length))
}

export function epochOf(
  suite: Suite,
  context: GroupContext,
  { joiner, psk }: { joiner: Uint8Array; psk: Uint8Array },
): Epoch {
  const secret = suite.expandWithLabel(suite.extract(joiner, psk), 'epoch', context.raw, suite.hashLength)
  const derived = (label: string) => suite.deriveSecret(secret, label)
  return {
    senderData: derived('sender data'),
    encryption: derived('encryption'),
    confirmation: derived('confirm'),
    membership: derived('membership'),
    resumption: derived('resumption'),
    authenticator: derived('authentication'),
    exporter: derived('exporter'),
    init: derived('init'),
  }
}

/** Section 8.4. */
export function pskSecret(suite: Suite, psks: readonly { id: PskId; psk: Uint8Array }[]): Uint8Array {
  const zero = new Uint8Array(suite.hashLength)
  return psks.reduce<Uint8Array>((secret, { id, psk }, index) => {
    const label = join(id.raw, uint(index, 2), uint(psks.length, 2))
    const input = suite.expandWithLabel(suite.extract(zero, psk), 'derived psk', label, suite.hashLength)
    return suite.extract(input, secret)
  }, zero)
}

/** Of one message (section 9.1), before the sender's guard against reuse. */
export function messageKeys(
  suite: Suite,
  encryption: Uint8Array,
  {
    leaf,
    generation,
    width,
    ratchet: name,
  }: { leaf: number; generation: number; width: number; ratchet: 'handshake' | 'application' },
) {
  let secret = encryption
  for (let [from, to] = [0, (width + 1) / 2]; to - from > 1; ) {
    const middle = (from + to) / 2
    const side = leaf < middle ? 'left' : 'right'
    secret = suite.expandWithLabel(secret, 'tree', ascii(side), suite.hashLength)
    if (side === 'left') to = middle
    else from = middle
  }
  const at = (value: Uint8Array, label: string, length: number, number: number) =>
    suite.expandWithLabel(value, label, uint(number, 4), length)
  let ratchet = suite.expandWithLabel(secret, name, new Uint8Array(), suite.hashLength)
  for (let number = 0; number < generation; number++)
    ratchet = at(ratchet, 'secret', suite.hashLength, number)
  return suite.keyAndNonce((label, length) => at(ratchet, label, length, generation))
}

export const interimHash = (suite: Suite, confirmedHash: Uint8Array, confirmationTag: Uint8Array) =>
  suite.hash(confirmedHash, opaque(confirmationTag))
