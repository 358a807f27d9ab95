import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, describe, expect, test } from '@jest/globals'
import { ChatService } from '../../../../gen/parley/v1/chat_pb.js'
import type { Trust } from '../../../../services/rpc/channel.js'
import { CertificateRefused } from '../../../../services/rpc/error.js'
import { probe, spkiFingerprint } from '../../../../services/rpc/node/certificate.js'
import { connect } from '../../../../services/rpc/node/client.js'
import { serve } from '../../../../services/rpc/node/server.js'
import { implement } from '../../../../services/rpc/service.js'
import { selfSigned } from '../../../support/certificate.js'
import { ECHO, MAX_MESSAGE, start, TLS } from '../support.js'

const { keyExchange } = ChatService.method
const host = '127.0.0.1'

/** Milliseconds: a resolver that does not answer takes its time. */
const NAME_LOOKUP_MS = 30_000

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0)) await step()
})

/** Something that listens and is no server of ours. */
async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', socket => sockets.add(socket))
  server.listen(0, host)
  await once(server, 'listening')
  undo.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A call to a server with this certificate, by a client with this trust. */
async function callWith(tls: { key: string; cert: string }, trust: Trust, name = 'localhost') {
  const services = [implement(ChatService, ECHO)]
  const server = await serve({
    host,
    port: 0,
    tls,
    services,
    maxMessageBytes: MAX_MESSAGE,
    onDefect: () => {},
  })
  const channel = connect({ host: name, port: server.port, trust, maxMessageBytes: MAX_MESSAGE })
  undo.push(
    () => channel.close(),
    () => server.stop({ graceMs: 0 }),
  )
  return channel.unary(keyExchange, {}).catch((error: unknown) => error)
}

const REFUSED = { code: 'UNAVAILABLE', cause: expect.any(CertificateRefused) }

describe('trust', () => {
  test('pinned: takes that certificate, whatever its names and its age', async () => {
    const odd = await selfSigned({
      names: [{ type: 'dns', value: 'elsewhere' }],
      notAfter: new Date('2020-01-01'),
    })
    const answer = await callWith(odd, { kind: 'pinned', certificate: odd.cert })
    expect(answer).toMatchObject({ outcome: { case: 'exchanged' } })
  })

  test('pinned: refuses any other, and says so', async () => {
    const other = await selfSigned()
    const error = await callWith(other, { kind: 'pinned', certificate: TLS.cert })
    expect(error).toMatchObject({ ...REFUSED, message: expect.stringContaining('another certificate') })
  })

  test('authority: takes what verifies against the roots, for that host', async () => {
    const trust = { kind: 'authority' as const, roots: TLS.cert }
    expect(await callWith(TLS, trust)).toMatchObject({ outcome: { case: 'exchanged' } })
    expect(await callWith(TLS, trust, '127.0.0.1')).toMatchObject({ outcome: { case: 'exchanged' } })
  })

  test('authority: refuses another issuer, another host and a certificate that is too old', async () => {
    expect(await callWith(TLS, { kind: 'authority' })).toMatchObject(REFUSED)
    const elsewhere = await selfSigned({ names: [{ type: 'dns', value: 'elsewhere' }] })
    expect(await callWith(elsewhere, { kind: 'authority', roots: elsewhere.cert })).toMatchObject(REFUSED)
    const old = await selfSigned({ notAfter: new Date('2020-01-01') })
    expect(await callWith(old, { kind: 'authority', roots: old.cert })).toMatchObject(REFUSED)
  })
})

describe('probe', () => {
  test('sees the certificate', async () => {
    await using parley = await start()
    const { port } = parley.server
    const seen = await probe({ host, port })
    const leaf = new X509Certificate(TLS.cert)
    expect(new X509Certificate(seen.certificate).raw).toEqual(leaf.raw)
    const spki = leaf.publicKey.export({ type: 'spki', format: 'der' })
    expect(seen.fingerprint).toEqual(new Uint8Array(createHash('sha256').update(spki).digest()))
    expect(seen).toMatchObject({ fingerprint: spkiFingerprint(TLS.cert), authority: false })
    expect(seen.notAfter.getTime()).toBe(Date.parse(leaf.validTo))
    expect(await probe({ host, port, roots: TLS.cert })).toMatchObject({ authority: true })
    await expect(parley.channel.unary(keyExchange, {})).resolves.toBeDefined()
  })

  test('says that nothing listens', async () => {
    const server = createServer()
    const port = await listening(server)
    server.close()
    await once(server, 'close')
    await expect(probe({ host, port })).rejects.toMatchObject({ name: 'ProbeError', reason: 'refused' })
  })

  test(
    'says that the name is not known',
    async () => {
      const call = probe({ host: 'nobody.invalid', port: 1, timeoutMs: NAME_LOOKUP_MS })
      await expect(call).rejects.toMatchObject({ reason: 'not-found' })
    },
    NAME_LOOKUP_MS,
  )

  test('says that there is no way', async () => {
    // A broadcast address takes no connections.
    const call = probe({ host: '255.255.255.255', port: 9 })
    await expect(call).rejects.toMatchObject({ reason: 'unreachable' })
  })

  test.each([
    ['another protocol', (socket: Socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')],
    ['a connection that is cut', (socket: Socket) => socket.destroy()],
  ])('says that it is not TLS: %s', async (_, answer) => {
    const port = await listening(createServer(answer))
    await expect(probe({ host, port })).rejects.toMatchObject({ reason: 'not-tls' })
  })

  test.each([
    [[], 'not-grpc'],
    // The handshake fails where the two have no protocol in common.
    [['http/1.1'], 'not-tls'],
  ])('says that it is TLS for something else: %j', async (ALPNProtocols, reason) => {
    const port = await listening(createTlsServer({ ...TLS, ALPNProtocols }))
    await expect(probe({ host, port })).rejects.toMatchObject({ reason, address: `${host}:${port}` })
  })

  test('says that no answer came, and heeds its signal', async () => {
    const port = await listening(createServer())
    await expect(probe({ host, port, timeoutMs: 50 })).rejects.toMatchObject({ reason: 'timeout' })
    const reason = new Error('enough')
    const controller = new AbortController()
    const call = probe({ host, port, signal: controller.signal })
    controller.abort(reason)
    await expect(call).rejects.toBe(reason)
  })
})
