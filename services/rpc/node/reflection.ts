// Server reflection (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md): grpcurl and its like ask what
// can be called here. The package gives the services, of both versions; its answers have no comments, and wait for no
// reader, so they are made here.

import { once } from 'node:events'
import { toBinary } from '@bufbuild/protobuf'
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import * as grpc from '@grpc/grpc-js'
import { ReflectionService } from '@grpc/reflection'
import { symbolsIn } from './symbols.js'

/** As the package's own definition of the messages has it. */
interface ReflectionRequest {
  host?: string
  messageRequest?: string
  fileByFilename?: string
  fileContainingSymbol?: string
}

interface ReflectionResponse {
  validHost: string
  originalRequest: ReflectionRequest
  fileDescriptorResponse?: { fileDescriptorProto: Uint8Array[] }
  listServicesResponse?: { service: { name: string }[] }
  errorResponse?: { errorCode: number; errorMessage: string }
}

type ReflectionStream = grpc.ServerDuplexStream<ReflectionRequest, ReflectionResponse>

/** Serves reflection of these files. */
export function addReflection(server: grpc.Server, files: readonly FileDescriptorProto[]): void {
  const described = new Described(files)
  const serve = (stream: ReflectionStream) => void converse(stream, described)
  new ReflectionService({}).addToServer({
    addService: definition => server.addService(definition, { ServerReflectionInfo: serve }),
  })
}

/** One answer after the other, each when the reader has taken those before it. */
async function converse(stream: ReflectionStream, described: Described): Promise<void> {
  try {
    for await (const request of stream as AsyncIterable<ReflectionRequest>) {
      const answer = { validHost: request.host ?? '', originalRequest: request, ...described.answer(request) }
      if (!stream.write(answer)) await Promise.race([once(stream, 'drain'), once(stream, 'cancelled')])
    }
    stream.end()
  } catch {
    // The peer has left.
    stream.destroy()
  }
}

type Answer = Omit<ReflectionResponse, 'validHost' | 'originalRequest'>

class Described {
  readonly #services: string[]
  readonly #byName: ReadonlyMap<string, FileDescriptorProto>
  readonly #bySymbol: ReadonlyMap<string, FileDescriptorProto>
  readonly #encoded = new Map<FileDescriptorProto, Uint8Array>()

  constructor(files: readonly FileDescriptorProto[]) {
    this.#services = files.flatMap(file => file.service.map(({ name }) => `${file.package}.${name}`))
    this.#byName = new Map(files.map(file => [file.name, file]))
    this.#bySymbol = new Map(
      files.flatMap(file => symbolsIn(file).map((symbol): [string, FileDescriptorProto] => [symbol, file])),
    )
    for (const file of files) this.#encoded.set(file, Buffer.from(toBinary(FileDescriptorProtoSchema, file)))
  }

  answer({ messageRequest, fileByFilename = '', fileContainingSymbol = '' }: ReflectionRequest): Answer {
    switch (messageRequest) {
      case 'listServices':
        return { listServicesResponse: { service: this.#services.map(name => ({ name })) } }
      case 'fileByFilename':
        return this.#fileAnswer(this.#byName.get(fileByFilename))
      case 'fileContainingSymbol':
        return this.#fileAnswer(this.#bySymbol.get(fileContainingSymbol))
      default:
        // The only extensions are options of fields, which come with the files that use them.
        return this.#fileAnswer(undefined)
    }
  }

  #fileAnswer(file: FileDescriptorProto | undefined): Answer {
    if (file === undefined)
      return {
        errorResponse: { errorCode: grpc.status.NOT_FOUND, errorMessage: 'there is nothing of this name' },
      }
    const files = new Set([file])
    // It grows while it is gone through.
    for (const { dependency } of files)
      for (const name of dependency) {
        const imported = this.#byName.get(name)
        if (imported) files.add(imported)
      }
    return {
      fileDescriptorResponse: { fileDescriptorProto: [...files].map(each => this.#encoded.get(each)!) },
    }
  }
}
