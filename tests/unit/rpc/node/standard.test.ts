import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import * as grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { protoPath } from 'grpc-health-check'
import { start, TLS } from '../support.js'

// These clients are made from the standards' own .proto files, as those of other tools are.
type Stub = grpc.Client & Record<string, (...values: unknown[]) => grpc.ClientDuplexStream<object, Answer>>
type Answer = Record<string, never>

const REFLECTION = dirname(
  createRequire(import.meta.url).resolve('@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto'),
)
const SERVICE = 'parley.v1.ChatService'

let parley: Awaited<ReturnType<typeof start>>
let clients: grpc.Client[] = []

beforeEach(async () => {
  parley = await start()
})

afterEach(async () => {
  for (const client of clients) client.close()
  clients = []
  await parley[Symbol.asyncDispose]()
})

function stub(file: string, service: string): Stub {
  const loaded = loadSync(file, { enums: String, longs: String, oneofs: true })
  const Client = grpc.makeClientConstructor(loaded[service] as grpc.ServiceDefinition, service)
  const credentials = grpc.credentials.createSsl(Buffer.from(TLS.cert))
  const client = new Client(`localhost:${parley.server.port}`, credentials) as unknown as Stub
  clients.push(client)
  return client
}

function check(health: Stub, service: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    health.check!({ service }, (error: unknown, value: unknown) => (error ? reject(error) : resolve(value)))
  })
}

/** Answers in the order in which they come. */
function answers(stream: grpc.ClientReadableStream<Answer>) {
  stream.on('error', () => {})
  return stream.iterator({ destroyOnReturn: false })
}

describe('health', () => {
  test('checks the server and its services', async () => {
    const health = stub(protoPath, 'grpc.health.v1.Health')
    for (const service of ['', SERVICE]) expect(await check(health, service)).toEqual({ status: 'SERVING' })
    await expect(check(health, 'parley.v1.Other')).rejects.toMatchObject({ code: grpc.status.NOT_FOUND })
    parley.server.setServing(false)
    for (const service of ['', SERVICE])
      expect(await check(health, service)).toEqual({ status: 'NOT_SERVING' })
  })

  test('tells who watches when it changes, and does not hold up a stop', async () => {
    const health = stub(protoPath, 'grpc.health.v1.Health')
    const seen = answers(health.watch!({ service: '' }))
    expect((await seen.next()).value).toEqual({ status: 'SERVING' })
    parley.server.setServing(false)
    expect((await seen.next()).value).toEqual({ status: 'NOT_SERVING' })
    await parley.server.stop({ graceMs: 60_000 })
  })
})

describe.each(['v1', 'v1alpha'])('reflection %s', version => {
  test('lists the services and describes them', async () => {
    const file = join(REFLECTION, '..', version, 'reflection.proto')
    const reflection = stub(file, `grpc.reflection.${version}.ServerReflection`)
    const call = reflection.serverReflectionInfo!()
    const got = answers(call)
    call.write({ listServices: '' })
    const { listServicesResponse } = (await got.next()).value as {
      listServicesResponse: { service: unknown[] }
    }
    expect(listServicesResponse.service).toContainEqual({ name: SERVICE })

    for (const symbol of [SERVICE, `${SERVICE}.Chat`, 'parley.v1.ChatRequest']) {
      call.write({ fileContainingSymbol: symbol })
      const answer = (await got.next()).value as { fileDescriptorResponse: { fileDescriptorProto: Buffer[] } }
      const files = answer.fileDescriptorResponse.fileDescriptorProto.map(bytes =>
        fromBinary(FileDescriptorProtoSchema, bytes),
      )
      expect(files.map(({ name }) => name)).toEqual(
        expect.arrayContaining([
          'parley/v1/chat.proto',
          'parley/v1/directory.proto',
          'parley/v1/identity.proto',
          'parley/v1/key_exchange.proto',
        ]),
      )
      const methods = files[0]!.service[0]!.method
      expect(methods).toMatchObject([
        { name: 'KeyExchange', clientStreaming: false, serverStreaming: false },
        { name: 'GetServer', clientStreaming: false, serverStreaming: false },
        { name: 'Chat', inputType: '.parley.v1.ChatRequest', clientStreaming: true, serverStreaming: true },
      ])
    }
    call.write({ fileContainingSymbol: 'parley.v1.Nothing' })
    expect((await got.next()).value).toMatchObject({ errorResponse: { errorCode: grpc.status.NOT_FOUND } })
    call.end()
  })
})
