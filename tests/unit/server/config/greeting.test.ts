import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { describe, expect, test } from '@jest/globals'
import { parseAddress } from '../../../../services/protocol/invite/address.js'
import { parseInvite } from '../../../../services/protocol/invite/invite-link.js'
import { certificateNames, dialHosts, shownAddress } from '../../../../services/server/config/addresses.js'
import { greeting } from '../../../../services/server/config/greeting.js'
import { makeCertificate, makeKey } from '../../../../services/server/config/own-certificate.js'

const fingerprint = new Uint8Array(32).map((_, index) => index)
const serverId = new Uint8Array(16).fill(4)
const ID = 'BAQEBAQEBAQEBAQEBAQEBA'
const directoryKey = new Uint8Array(32).fill(5)
const DIRECTORY = 'BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU'
const account = new Uint8Array(32).fill(9)
const registration = 'open'
const PRINTED = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8'

describe('what a server says at its start', () => {
  test('is where it listens, how it is known, and two links', () => {
    const publicAddress = { host: 'chat.example.org', port: 443 }
    expect(
      greeting({
        host: '127.0.0.1',
        port: 5000,
        fingerprint,
        serverId,
        directoryKey,
        publicAddress,
        registration,
      }),
    ).toEqual([
      'Listening on 127.0.0.1:5000 (dial 127.0.0.1:5000)',
      `Fingerprint  SHA256:${PRINTED}`,
      `Invite link  parley://chat.example.org:443/?s=${PRINTED}&n=${ID}&d=${DIRECTORY}`,
      `In another terminal:  npm run client -- 'parley://127.0.0.1:5000/?s=${PRINTED}&n=${ID}&d=${DIRECTORY}'`,
    ])
  })

  test('names the operator in both links, which a client reads', () => {
    const inviter = { handle: 'operator', account }
    const lines = greeting({
      host: '::1',
      port: 7,
      fingerprint,
      serverId,
      directoryKey,
      publicAddress: undefined,
      registration,
      inviter,
    })
    const links = lines.flatMap(line => /parley:\S+(?=')|parley:\S+/.exec(line) ?? [])
    expect(links).toHaveLength(2)
    for (const link of links)
      expect(parseInvite(link)).toEqual({
        host: '::1',
        port: 7,
        server: fingerprint,
        serverId,
        directoryKey,
        inviter,
      })
  })

  test.each(['invite', 'closed'] as const)('says that the links let nobody new in (%s)', registration => {
    const address = { host: '127.0.0.1', port: 5000, publicAddress: undefined }
    const [said] = greeting({ ...address, fingerprint, serverId, directoryKey, registration }).slice(4)
    expect(said).toMatch(/^Neither link lets a new account in/)
  })

  test('leaves the zone of an address out, which means something on one machine only', () => {
    expect(shownAddress({ host: 'fe80::1%eth0', port: 1 })).toBe('[fe80::1]:1')
    const lines = greeting({
      host: 'fe80::1%eth0',
      port: 1,
      fingerprint,
      serverId,
      directoryKey,
      publicAddress: undefined,
      registration,
    })
    expect(lines.join()).not.toContain('eth0')
  })
})

test.each([
  { host: '0.0.0.0', publicAddress: undefined },
  { host: '::', publicAddress: { host: 'chat.example.org', port: 443 } },
  { host: '::1', publicAddress: { host: '2001:db8::7', port: 443 } },
  { host: 'fe80::1%eth0', publicAddress: undefined },
])('every address that is printed ($host) is in the certificate that the server makes', async options => {
  const lines = greeting({ ...options, port: 7, fingerprint, serverId, directoryKey, registration })
  const links = lines.flatMap(line => /parley:[^\s']+/.exec(line) ?? []).map(link => parseInvite(link).host)
  const dialled = (/\(dial (.*)\)/.exec(lines[0]!)?.[1] ?? '')
    .split(' or ')
    .map(address => parseAddress(address).host)
  expect(dialled.length + links.length).toBeGreaterThan(2)
  const key = createPrivateKey(makeKey())
  const certificate = new X509Certificate(await makeCertificate(key, certificateNames(options)))
  for (const host of [...dialled, ...links]) {
    const named = isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host)
    expect({ host, named: named !== undefined }).toEqual({ host, named: true })
  }
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
