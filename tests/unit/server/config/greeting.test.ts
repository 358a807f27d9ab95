import { networkInterfaces } from 'node:os'
import { describe, expect, test } from '@jest/globals'
import { parseInvite } from '../../../../services/protocol/invite/invite-link.js'
import { dialHosts, shownAddress } from '../../../../services/server/config/addresses.js'
import { greeting } from '../../../../services/server/config/greeting.js'

const fingerprint = new Uint8Array(32).map((_, index) => index)
const account = new Uint8Array(32).fill(9)
const PRINTED = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8'

describe('what a server says at its start', () => {
  test('is where it listens, how it is known, and two links', () => {
    const publicAddress = { host: 'chat.example.org', port: 443 }
    expect(greeting({ host: '127.0.0.1', port: 5000, fingerprint, publicAddress })).toEqual([
      'Listening on 127.0.0.1:5000 (dial 127.0.0.1:5000)',
      `Fingerprint  SHA256:${PRINTED}`,
      `Invite link  parley://chat.example.org:443/?s=${PRINTED}`,
      `In another terminal:  npm run client -- 'parley://127.0.0.1:5000/?s=${PRINTED}'`,
    ])
  })

  test('names the operator in both links, which a client reads', () => {
    const inviter = { handle: 'operator', account }
    const lines = greeting({ host: '::1', port: 7, fingerprint, publicAddress: undefined, inviter })
    const links = lines.flatMap(line => /parley:\S+(?=')|parley:\S+/.exec(line) ?? [])
    expect(links).toHaveLength(2)
    for (const link of links)
      expect(parseInvite(link)).toEqual({ host: '::1', port: 7, server: fingerprint, inviter })
  })

  test('leaves the zone of an address out, which means something on one machine only', () => {
    expect(shownAddress({ host: 'fe80::1%eth0', port: 1 })).toBe('[fe80::1]:1')
    const lines = greeting({ host: 'fe80::1%eth0', port: 1, fingerprint, publicAddress: undefined })
    expect(lines.join()).not.toContain('eth0')
  })
})

test('a server on all addresses can be dialled near and from outside, on others as it was told', () => {
  const outside = Object.values(networkInterfaces())
    .flatMap(list => list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
  for (const all of ['0.0.0.0', '::']) {
    expect(dialHosts(all)).toEqual(['localhost', ...outside.map(({ address }) => address)])
  }
  expect(dialHosts('192.0.2.1')).toEqual(['192.0.2.1'])
})
