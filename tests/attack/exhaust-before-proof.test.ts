// Somebody without an account wants to make the server stand still, or run out of memory, with little of their own.

import type { ClientHttp2Session } from 'node:http2'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { ChatService } from '../../gen/parley/v1/chat_pb.js'
import { METHODS } from '../../services/protocol/method.js'
import { MESSAGE_BYTES } from '../../services/protocol/sizes.js'
import { connectTo, failureOf, proofFor, type TestClient } from '../support/contract-client.js'
import { makeDevice } from '../support/contract-device.js'
import { type ContractServer, ownServer } from '../support/contract-server.js'
import { emptyFields, framed, gzipped, rawCall, rawSession } from '../support/raw-call.js'

/** Statuses of gRPC. */
const INVALID_ARGUMENT = '3'
const DEADLINE_EXCEEDED = '4'
const RESOURCE_EXHAUSTED = '8'
const UNIMPLEMENTED = '12'
/** The processor's time, in ms, that an attack may take, with the attacker's own part in it. It was eight seconds and more. */
const LONGEST_MS = 2_000
const TRIES = 3
/** KeyExchangeRequest.proof; KeyExchangeParts.device_removals; ChatRequest.open. */
const PROOF = 1
const REMOVALS = 5
const OPEN = 1

let server: ContractServer
let honest: TestClient
let attacker: ClientHttp2Session

beforeEach(async () => {
  server = await ownServer()
  honest = connectTo(server)
  attacker = rawSession(server.port)
})

afterEach(async () => {
  attacker.destroy()
  honest.close()
  await server.stop()
  expect(server.defects).toEqual([])
})

/**
 * Attacks, and sees that the server had little work with it and that somebody honest is served. The process may collect the
 * garbage of other tests just then, which is no work of the attack: what takes too long is tried again.
 */
async function attacked(attack: () => Promise<void>): Promise<void> {
  const spent: number[] = []
  do {
    const before = process.cpuUsage()
    await attack()
    await honest.register()
    const { user, system } = process.cpuUsage(before)
    spent.push((user + system) / 1e3)
  } while (spent.at(-1)! >= LONGEST_MS && spent.length < TRIES)
  expect(Math.min(...spent)).toBeLessThan(LONGEST_MS)
}

const METHODS_AND_FIELDS: [name: string, path: string, field: number][] = [
  ['KeyExchange', METHODS.keyExchange, PROOF],
  ['Chat', METHODS.chat, OPEN],
]

test.each(METHODS_AND_FIELDS)('%s: nine kilobytes that inflate to nine megabytes', async (_, path, field) => {
  const bomb = gzipped(emptyFields(field, MESSAGE_BYTES))
  expect(bomb.length).toBeLessThan(16 * 1024)
  await attacked(async () => {
    for (let time = 0; time < 8; time += 1) {
      const { stream, ended } = rawCall(attacker, path, { 'grpc-encoding': 'gzip' })
      stream.end(bomb)
      const { status, fields } = await ended
      expect(status).toMatch(new RegExp(`^(${UNIMPLEMENTED}|${RESOURCE_EXHAUSTED})$`))
      expect(fields['parley-error-bin']).toBeDefined()
    }
  })
})

test.each(METHODS_AND_FIELDS)('%s: a small message that is compressed', async (_, path) => {
  const { stream, ended } = rawCall(attacker, path, { 'grpc-encoding': 'gzip' })
  stream.end(gzipped(Buffer.alloc(0)))
  const { status, fields } = await ended
  expect(status).toBe(UNIMPLEMENTED)
  expect(fields['grpc-accept-encoding']).toBe('identity')
})

test.each(METHODS_AND_FIELDS)('%s: a message of nothing but empty fields', async (_, path, field) => {
  await attacked(async () => {
    for (const bytes of [MESSAGE_BYTES, 1024 * 1024, 64 * 1024, 9_000]) {
      const { stream, ended } = rawCall(attacker, path)
      stream.end(framed(emptyFields(field, bytes)))
      const { status, closed } = await ended
      expect(status ?? `closed ${closed}`).toMatch(new RegExp(`^(${RESOURCE_EXHAUSTED}|closed .*)$`))
    }
  })
})

test('KeyExchange: nothing but empty fields in what is asked, behind proofs of keys that nobody knows', async () => {
  await attacked(async () => {
    for (const bytes of [1024 * 1024, 64 * 1024, 9_000]) {
      const parts = emptyFields(REMOVALS, bytes)
      const proof = proofFor(server, makeDevice(), METHODS.keyExchange, parts)
      const error = await failureOf(honest.channel.unary(ChatService.method.keyExchange, { proof, parts }))
      expect(error.code).toBe('RESOURCE_EXHAUSTED')
    }
  })
})

test('messages that are announced as large and never come are not waited for', async () => {
  await attacked(async () => {
    for (const path of [METHODS.keyExchange, METHODS.chat]) {
      const { stream, ended } = rawCall(attacker, path)
      stream.write(framed(Buffer.alloc(100), { length: MESSAGE_BYTES }))
      expect((await ended).status).toBe(RESOURCE_EXHAUSTED)
    }
  })
})

test('calls that say nothing make place for those that do', async () => {
  await attacked(async () => {
    const silent = Array.from({ length: 99 }, () => rawCall(attacker, METHODS.keyExchange))
    // The oldest went, for there were too many.
    expect((await silent[0]!.ended).status).toBe(DEADLINE_EXCEEDED)
  })
})

test('messages in messages in messages', async () => {
  let nested = Buffer.alloc(0)
  for (let depth = 0; depth < 1_000; depth += 1) {
    const length = nested.length < 128 ? [nested.length] : [(nested.length & 127) | 128, nested.length >> 7]
    nested = Buffer.concat([Buffer.of((1 << 3) | 2, ...length), nested])
  }
  await attacked(async () => {
    const { stream, ended } = rawCall(attacker, METHODS.keyExchange)
    stream.end(framed(nested))
    expect((await ended).status).toBe(INVALID_ARGUMENT)
  })
})
