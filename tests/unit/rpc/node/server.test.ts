import { once } from 'node:events'
import { connect as connectTcp, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { describe, expect, test } from '@jest/globals'
import { ChatService } from '../../../../gen/parley/v1/chat_pb.js'
import { connect } from '../../../../services/rpc/node/client.js'
import { serve } from '../../../../services/rpc/node/server.js'
import { implement } from '../../../../services/rpc/service.js'
import { ECHO, MAX_MESSAGE, nonceOf, open, ping, signal, start, TLS } from '../support.js'

const { chat, keyExchange } = ChatService.method

const HAS_IPV6 = Object.values(networkInterfaces()).some(list =>
  list?.some(({ address }) => address === '::1'),
)
/** Milliseconds: a resolver that does not answer takes its time. */
const NAME_LOOKUP_MS = 30_000

const OPTIONS = {
  host: '127.0.0.1',
  tls: TLS,
  services: [implement(ChatService, ECHO)],
  maxMessageBytes: MAX_MESSAGE,
  onDefect: () => {},
}

describe('serve', () => {
  test('says which address it cannot have, as node does', async () => {
    await using parley = await start()
    await expect(serve({ ...OPTIONS, port: parley.server.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
    // TEST-NET-1 (RFC 5737) is no machine's own address.
    await expect(serve({ ...OPTIONS, host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
    })
  })

  test('refuses a key that is none', async () => {
    await expect(serve({ ...OPTIONS, port: 0, tls: { ...TLS, key: 'nonsense' } })).rejects.toThrow()
  })

  test.each(['localhost', '::1', '::', '0.0.0.0'])('listens on %s', async host => {
    // Left out where the machine (a container, mostly) has no IPv6.
    if (host.includes('::') && !HAS_IPV6) return
    const server = await serve({ ...OPTIONS, host, port: 0 })
    const near = { '::': '::1', '0.0.0.0': '127.0.0.1' }[host] ?? host
    const trust = { kind: 'pinned' as const, certificate: TLS.cert }
    const channel = connect({ host: near, port: server.port, trust, maxMessageBytes: MAX_MESSAGE })
    try {
      await expect(channel.unary(keyExchange, {})).resolves.toBeDefined()
    } finally {
      channel.close()
      await server.stop({ graceMs: 0 })
    }
  })
})

describe('stop', () => {
  test('lets a call end, and takes no new one', async () => {
    const begun = signal()
    const go = signal()
    await using parley = await start({
      async keyExchange() {
        begun.resolve()
        await go.promise
        return { outcome: { case: 'exchanged', value: { keyPackagesLeft: 9 } } }
      },
    })
    const call = parley.channel.unary(keyExchange, {})
    await begun.promise
    const stopped = parley.server.stop({ graceMs: 60_000 })
    const late = open(parley.server.port)
    await expect(late.unary(keyExchange, {})).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    late.close()
    go.resolve()
    await expect(call).resolves.toMatchObject({ outcome: { value: { keyPackagesLeft: 9 } } })
    await stopped
    await expect(parley.channel.unary(keyExchange, {})).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('ends with UNAVAILABLE what has not ended by then, even a handler that looks away', async () => {
    const begun = signal()
    const aborted = signal<unknown>()
    await using parley = await start({
      keyExchange: (_, context) => {
        begun.resolve()
        context.signal.addEventListener('abort', () => aborted.resolve(context.signal.reason))
        return new Promise(() => {})
      },
    })
    const stream = parley.channel.bidi(chat)
    const responses = stream.responses[Symbol.asyncIterator]()
    await stream.write(ping(3n))
    expect(nonceOf((await responses.next()).value)).toBe(3n)
    const call = parley.channel.unary(keyExchange, {})
    const results = Promise.allSettled([call, responses.next()])
    await begun.promise
    await parley.server.stop({ graceMs: 50 })
    const status = { code: 'UNAVAILABLE', message: 'the server is stopping' }
    expect(await results).toMatchObject([{ reason: status }, { reason: status }])
    expect(await aborted.promise).toMatchObject(status)
    expect(parley.defects).toEqual([])
  })

  test('closes connections that never said anything, and frees the port', async () => {
    const parley = await start()
    const silent = connectTcp(parley.server.port, '127.0.0.1')
    silent.on('error', () => {})
    await once(silent, 'connect')
    const gone = once(silent, 'close')
    silent.resume()
    parley.channel.close()
    await Promise.all([parley.server.stop({ graceMs: 0 }), parley.server.stop({ graceMs: 0 })])
    await gone
    const next = createServer().listen(parley.server.port, '127.0.0.1')
    await once(next, 'listening')
    next.close()
  })
})

describe('a channel', () => {
  test('fails at once when nothing listens, and works again when something does', async () => {
    const first = await start()
    const { port } = first.server
    const channel = open(port)
    await channel.unary(keyExchange, {})
    await first[Symbol.asyncDispose]()
    await expect(channel.unary(keyExchange, {})).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const responses = channel.bidi(chat).responses[Symbol.asyncIterator]()
    await expect(responses.next()).rejects.toMatchObject({ code: 'UNAVAILABLE' })

    const second = await serve({ ...OPTIONS, port })
    const again = open(port)
    try {
      await expect(again.unary(keyExchange, {})).resolves.toBeDefined()
    } finally {
      channel.close()
      again.close()
      await second.stop({ graceMs: 0 })
    }
  })

  test(
    'refuses a name that nobody has',
    async () => {
      const trust = { kind: 'pinned' as const, certificate: TLS.cert }
      const channel = connect({ host: 'nobody.invalid', port: 1, trust, maxMessageBytes: MAX_MESSAGE })
      await expect(channel.unary(keyExchange, {})).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      channel.close()
    },
    NAME_LOOKUP_MS,
  )

  test('says which field cannot be encoded, without sending', async () => {
    await using parley = await start()
    const bad = { frame: { case: 'ping' as const, value: { nonce: -1n } } }
    await expect(parley.channel.bidi(chat).write(bad)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})
