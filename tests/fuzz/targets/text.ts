// The texts that people paste and type: invite links, addresses, fingerprints, handles.

import { formatFingerprint, parseFingerprint } from '../../../services/protocol/identity/fingerprint.js'
import { isHandle } from '../../../services/protocol/identity/handle.js'
import { formatAddress, InviteError, parseAddress } from '../../../services/protocol/invite/address.js'
import { formatInvite, newInviteToken, parseInvite } from '../../../services/protocol/invite/invite-link.js'
import { nodeCrypto as crypto } from '../../../services/protocol/node/crypto.js'
import { keyPairOf } from '../../../services/protocol/signature.js'
import type { Chance } from '../../support/chance.js'
import { changedText } from '../mutation.js'
import { refusing, type Target } from '../target.js'

export const text: Target = {
  name: 'text',
  share: 24,
  async open() {
    const server = new Uint8Array(32).fill(7)
    const link = formatInvite({
      host: 'chat.example.org',
      port: 5000,
      server,
      serverId: new Uint8Array(16).fill(6),
      directoryKey: keyPairOf(crypto, server).publicKey,
      inviter: { handle: 'alice.b-c_d', account: new Uint8Array(32).fill(8) },
      token: newInviteToken(crypto),
    })
    const addresses = ['localhost:5000', '[::1]:443', '192.168.0.1:1', 'chat.example.org']
    const parses: ((chance: Chance) => void)[] = [
      // A link that was read can be written, and is the same again.
      chance =>
        refusing([InviteError], () => {
          const invite = parseInvite(changedText(chance, link))
          same(parseInvite(formatInvite(invite)), invite)
        }),
      chance =>
        refusing([InviteError], () => {
          const address = parseAddress(changedText(chance, chance.pick(addresses)!))
          same(parseAddress(formatAddress(address)), address)
        }),
      chance => {
        const fingerprint = parseFingerprint(changedText(chance, formatFingerprint(server)))
        if (fingerprint) same(parseFingerprint(formatFingerprint(fingerprint)), fingerprint)
      },
      chance => void isHandle(changedText(chance, 'alice.b-c_d')),
    ]
    return { run: chance => chance.pick(parses)!(chance) }
  },
}

function same(again: unknown, before: unknown): void {
  const [one, other] = [JSON.stringify(again), JSON.stringify(before)]
  if (one !== other) throw new Error(`read again it is ${one}, not ${other}`)
}
