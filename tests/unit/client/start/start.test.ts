import { expect, test } from '@jest/globals'
import { readOptions } from '../../../../services/client/options.js'
import { startOptions } from '../../../../services/client/start/start.js'
import { formatInvite } from '../../../../services/protocol/invite/invite-link.js'
import { nodeCrypto } from '../../../../services/protocol/node/crypto.js'
import { keyPairOf } from '../../../../services/protocol/signature.js'

test('an invite link begins with all that it names', () => {
  const address = { host: 'example.org', port: 4443 }
  const invite = {
    ...address,
    server: new Uint8Array(32).fill(1),
    serverId: new Uint8Array(16).fill(2),
    directoryKey: keyPairOf(nodeCrypto, new Uint8Array(32).fill(3)).publicKey,
    inviter: { handle: 'bob', account: new Uint8Array(32).fill(4) },
    token: 'A'.repeat(22),
  }
  const request = readOptions([formatInvite(invite)], {})
  if (request.kind !== 'run') throw new Error(`not run but ${request.kind}`)
  const { serverId, directoryKey, inviter, token: inviteToken } = invite
  expect(startOptions(request.options, true)).toEqual({
    ...{ address, serverId, directoryKey, inviter, inviteToken },
    server: { fingerprint: invite.server, replacesPin: false },
  })
})
