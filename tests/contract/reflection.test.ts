// A tool that has nothing but the server's address (grpcurl, for example) finds out what it can call, reads about it,
// and calls it. This does the same: it knows reflection, and no other file of the contract.

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import {
  create,
  createFileRegistry,
  type DescFile,
  type DescMethod,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf'
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import * as grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type ContractServer, contractServer } from '../support/contract-server.js'

const REFLECTION = 'grpc.reflection.v1.ServerReflection'
const REFLECTION_FILE = join(
  dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json')),
  'build/proto/grpc/reflection/v1/reflection.proto',
)

type Stub = grpc.Client & {
  serverReflectionInfo(): grpc.ClientDuplexStream<object, ReflectionAnswer>
}

interface ReflectionAnswer {
  listServicesResponse?: { service: { name: string }[] }
  fileDescriptorResponse?: { fileDescriptorProto: Buffer[] }
}

let server: ContractServer
let credentials: grpc.ChannelCredentials
let stub: Stub

beforeAll(async () => {
  server = await contractServer()
  // As with `-cacert data/server/tls-cert.pem`.
  credentials = grpc.credentials.createSsl(Buffer.from(server.certificate))
  const loaded = loadSync(REFLECTION_FILE)
  const Client = grpc.makeClientConstructor(loaded[REFLECTION] as grpc.ServiceDefinition, REFLECTION)
  stub = new Client(address(), credentials) as unknown as Stub
})

afterAll(async () => {
  stub.close()
  await server.stop()
  expect(server.defects).toEqual([])
})

/** The name is in the server's own certificate. */
const address = () => `localhost:${server.port}`

function ask(request: object): Promise<ReflectionAnswer> {
  const call = stub.serverReflectionInfo()
  return new Promise((resolve, reject) => {
    call.on('data', resolve)
    call.on('error', reject)
    call.end(request)
  })
}

/** The files of a symbol and all that they import, as the server describes them. */
async function resolve(symbol: string): Promise<FileRegistry> {
  const { fileDescriptorResponse } = await ask({ fileContainingSymbol: symbol })
  const files = fileDescriptorResponse?.fileDescriptorProto ?? []
  const found = files.map(bytes => fromBinary(FileDescriptorProtoSchema, bytes))
  const file: FileDescriptorProto[] = []
  for (const each of found) addWithImports(each, found, file)
  return createFileRegistry(create(FileDescriptorSetSchema, { file }))
}

/** A registry takes a file behind those that it imports. */
function addWithImports(
  file: FileDescriptorProto,
  all: readonly FileDescriptorProto[],
  added: FileDescriptorProto[],
): void {
  if (added.includes(file)) return
  for (const name of file.dependency) {
    const imported = all.find(each => each.name === name)
    if (!imported) throw new Error(`${file.name} imports ${name}, which is not told`)
    addWithImports(imported, all, added)
  }
  added.push(file)
}

async function call(name: string, method: string, request: JsonValue): Promise<JsonValue> {
  const registry = await resolve(name)
  const found = registry.getService(name)?.methods.find(each => each.name === method)
  if (!found) throw new Error(`${name} has no ${method}`)
  const answer = await unary(found, toBinary(found.input, fromJson(found.input, request, { registry })))
  return toJson(found.output, fromBinary(found.output, answer), { registry })
}

function unary(method: DescMethod, request: Uint8Array): Promise<Buffer> {
  const client = new grpc.Client(address(), credentials)
  const path = `/${method.parent.typeName}/${method.name}`
  const asIs = (bytes: Buffer) => bytes
  return new Promise<Buffer>((resolve, reject) =>
    client.makeUnaryRequest(path, asIs, asIs, Buffer.from(request), (error, answer) =>
      error ? reject(error) : resolve(answer ?? Buffer.alloc(0)),
    ),
  ).finally(() => client.close())
}

/** The numbers of fields of FileDescriptorProto, and of ServiceDescriptorProto, that make up the path of a comment. */
const MESSAGES = 4
const SERVICES = 6
const METHODS = 2

function commentAt({ proto }: DescFile, path: readonly number[]): string | undefined {
  const found = proto.sourceCodeInfo?.location.find(location => `${location.path}` === `${path}`)
  return found?.leadingComments
}

describe('a tool that asks reflection', () => {
  test('lists the services', async () => {
    const { listServicesResponse } = await ask({ listServices: '' })
    expect(listServicesResponse?.service.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['grpc.health.v1.Health', 'parley.v1.ChatService']),
    )
  })

  test('reads what is written about the service, its methods and their messages', async () => {
    const registry = await resolve('parley.v1.ChatService')
    const service = registry.getService('parley.v1.ChatService')!
    const { file } = service
    const commented = [
      [SERVICES, 0],
      ...service.methods.map((_, index) => [SERVICES, 0, METHODS, index]),
      ...file.messages.map((_, index) => [MESSAGES, index]),
    ]
    for (const path of commented)
      expect({ path, comment: commentAt(file, path) }).toEqual({ path, comment: expect.stringMatching(/\w/) })
    expect(registry.getMessage('parley.v1.DeviceList')).toBeDefined()
  })

  test('calls what it has found: GetServer', async () => {
    expect(await call('parley.v1.ChatService', 'GetServer', {})).toMatchObject({
      highestProtocolVersion: 1,
      limits: { devicesPerConversation: expect.any(Number) },
    })
  })

  test('calls what it has found: the health of the server, and of the service', async () => {
    expect(await call('grpc.health.v1.Health', 'Check', {})).toEqual({ status: 'SERVING' })
    const service = 'parley.v1.ChatService'
    expect(await call('grpc.health.v1.Health', 'Check', { service })).toEqual({ status: 'SERVING' })
  })
})
