import { create, toBinary } from '@bufbuild/protobuf'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ErrorDetailSchema, ErrorReason } from '../../../../gen/parley/v1/chat_pb.js'
import type { SignedProof } from '../../../../gen/parley/v1/identity_pb.js'
import { LineStopped } from '../../../../services/endpoint/codes/line-error.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import { Connection, type ConnectionHandlers } from '../../../../services/endpoint/line/connection.js'
import { METHODS, type ProvenMethod } from '../../../../services/protocol/method.js'
import { nodeCrypto } from '../../../../services/protocol/node/crypto.js'
import { openRequest, readProof } from '../../../../services/protocol/proof.js'
import { CIPHER_SUITE } from '../../../../services/protocol/sizes.js'
import { RpcError } from '../../../../services/rpc/error.js'
import type { Way } from '../../../support/memory/network.js'
import { askedIn, type SaidFrame, ScriptedServer } from '../../../support/memory/scripted-server.js'

const account = makeAccount('alice')

let server: ScriptedServer
let way: Way
let breaking: AbortController
let refusals: unknown[]
let handlers: ConnectionHandlers

beforeEach(() => {
  server = new ScriptedServer()
  way = server.network.way()
  breaking = new AbortController()
  refusals = []
  handlers = {
    trust: async ({ certificate }) => ({ trust: { kind: 'pinned', certificate }, isFirst: false }),
    account: () => account,
    suite: () => 83,
    answered: answer => answer,
    asksServer: () => false,
    serverTold: async () => undefined,
    registration: () => ({}),
    refused: async refusal => {
      refusals.push(refusal.reason.case)
      return 'stop'
    },
    cursor: () => Uint8Array.of(9),
    cursorRefused: async () => void refusals.push('cursor'),
  }
})
afterEach(() => breaking.abort())

const open = (change: Partial<ConnectionHandlers> = {}) =>
  server.clock.run(
    Connection.open({
      address: server.address,
      dialer: way,
      clock: server.clock,
      handlers: { ...handlers, ...change },
      signal: breaking.signal,
    }),
  )

/** The device whose proof it is. Throws for one of another call, request, server or time. */
function provenBy(
  proof: SignedProof | undefined,
  { method, request }: { method: ProvenMethod; request: Uint8Array },
): Uint8Array {
  if (!proof) throw new Error('there is no proof')
  const expected = {
    method,
    request,
    server: server.certificate.fingerprint,
    now: server.clock.now(),
    window: 0,
  }
  return readProof(nodeCrypto, proof, expected).deviceKey
}

describe('connecting', () => {
  test('ends where the server is not the one that is meant, before anything is sent', async () => {
    let isCalled = false
    server.keyExchange = async () => {
      isCalled = true
      return {}
    }
    const wrong = new LineStopped({ code: 'no-server' })
    await expect(open({ trust: () => Promise.reject(wrong) })).rejects.toBe(wrong)
    expect({ isCalled, streams: server.streams }).toEqual({ isCalled: false, streams: [] })
  })

  test('fails where nothing listens, and after ten seconds where nothing answers', async () => {
    way.goDown()
    await expect(open()).rejects.toMatchObject({ name: 'ProbeError', reason: 'refused' })
    way.comeUp()
    way.hold()
    const begun = server.clock.now()
    await expect(open()).rejects.toMatchObject({ name: 'ProbeError', reason: 'timeout' })
    expect(server.clock.now() - begun).toBeGreaterThanOrEqual(10_000)
  })
})

describe('a key exchange', () => {
  test('carries a proof of this device for this call to this server, by its own clock, and its suite', async () => {
    server.keyExchange = async request => {
      const { proof, parts } = request
      const { claimHandles, suite } = askedIn(request)
      expect(suite).toBe(CIPHER_SUITE)
      expect(provenBy(proof, { method: METHODS.keyExchange, request: parts })).toEqual(
        Uint8Array.from(account.device.publicKey),
      )
      return { outcome: { case: 'exchanged', value: { keyPackagesLeft: claimHandles.length } } }
    }
    const connection = await open()
    const answer = await server.clock.run(connection.keyExchange({ claimHandles: ['a', 'b'] }))
    expect(answer.keyPackagesLeft).toBe(2)
  })

  test('that is refused tells of it, and stops the line', async () => {
    server.keyExchange = async () => ({
      outcome: { case: 'refused', value: { reason: { case: 'handleTaken', value: {} } } },
    })
    const connection = await open()
    await expect(server.clock.run(connection.keyExchange({}))).rejects.toMatchObject({
      why: { code: 'handle-taken', handle: 'alice' },
    })
    expect(refusals).toEqual(['handleTaken'])
  })

  test('with an answer that this version does not know stops the line', async () => {
    server.keyExchange = async () => ({})
    const connection = await open()
    await expect(server.clock.run(connection.keyExchange({}))).rejects.toMatchObject({
      why: { code: 'unknown-answer' },
    })
  })

  test('that is not answered fails after ten seconds', async () => {
    server.keyExchange = () => new Promise(() => undefined)
    const connection = await open()
    await expect(server.clock.run(connection.keyExchange({}))).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    })
  })
})

describe('a stream', () => {
  const converse = async () => {
    const connection = await open()
    const told: (string | undefined)[] = []
    const over = connection.converse({
      onOpened: async () => void told.push('opened'),
      onFrame: async frame => void told.push(frame.case),
    })
    over.catch(() => undefined)
    const stream = await server.stream(0)
    await server.sees(() => stream.heard[0])
    return { connection, told, over: () => server.clock.run(over), stream }
  }
  const closing = (reason: 'shuttingDown' | 'superseded' | 'revoked' | 'banned'): SaidFrame => ({
    case: 'closing',
    value: { reason: { case: reason, value: {} } },
  })

  test('begins with a proof of its own and the cursor that is saved', async () => {
    const { stream, connection } = await converse()
    const [open] = stream.heardOf('open')
    const request = openRequest(open!.value)
    expect(provenBy(open?.value.proof, { method: METHODS.chat, request })).toEqual(
      Uint8Array.from(account.device.publicKey),
    )
    expect(open?.value.cursor).toEqual(Uint8Array.of(9))
    expect(connection.hasSession).toBe(true)
  })

  test('that the server ends is a line that is down', async () => {
    const { stream, over, told } = await converse()
    stream.say({ case: 'opened', value: {} }, { case: 'caughtUp', value: {} })
    stream.end()
    await expect(over()).rejects.toMatchObject({ why: { code: 'ended' } })
    expect(told).toEqual(['opened', 'caughtUp'])
  })

  test.each([
    ['the cursor', ErrorReason.BAD_CURSOR, ['cursor']],
    ['a frame', ErrorReason.FRAME, []],
  ])('that the server ends because of %s is down, and what was refused is told', async (_, reason, told) => {
    const { stream, over } = await converse()
    const detail = toBinary(ErrorDetailSchema, create(ErrorDetailSchema, { reason }))
    stream.end(new RpcError('INVALID_ARGUMENT', 'no', { detail }))
    await expect(over()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(refusals).toEqual(told)
  })

  test('that ends because the server stops says so', async () => {
    const { stream, over } = await converse()
    stream.say(closing('shuttingDown'))
    stream.end()
    await expect(over()).rejects.toMatchObject({ why: { code: 'shutting-down' } })
  })

  test('that the server ends because the device is out is down: the next call brings what shows it', async () => {
    const { stream, over } = await converse()
    stream.say(closing('revoked'))
    stream.end()
    await expect(over()).rejects.toMatchObject({ why: { code: 'said-revoked' } })
  })

  test.each(['superseded', 'banned'] as const)('that ends because of "%s" stops the line', async code => {
    const { stream, over } = await converse()
    stream.say(closing(code))
    await expect(over()).rejects.toMatchObject({ name: 'LineStopped', why: { code } })
  })

  test('takes frames, drops them where there is none, and ends in peace', async () => {
    const connection = await open()
    connection.write({ case: 'ping', value: { nonce: 1n } })
    const over = connection.converse({ onOpened: async () => undefined, onFrame: async () => undefined })
    over.catch(() => undefined)
    const stream = await server.stream(0)
    connection.write({ case: 'ping', value: { nonce: 2n } })
    connection.endSession()
    await server.sees(() => stream.isLeft || undefined)
    expect(stream.heardOf('ping').map(({ value }) => value.nonce)).toEqual([2n])
  })

  test('breaks when the connection is closed', async () => {
    const { connection, over, stream } = await converse()
    connection.close()
    await expect(over()).rejects.toMatchObject({ code: 'CANCELLED' })
    await server.sees(() => stream.isLeft || undefined)
  })
})
