import { type DescFile, type DescService, fromBinary } from '@bufbuild/protobuf'
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import type * as grpc from '@grpc/grpc-js'
import { HealthImplementation, service as health } from 'grpc-health-check'
import { complete } from './symbols.js'

/** Adds grpc.health.v1, which load balancers and container health checks ask. Returns the switch. */
export function addHealth(server: grpc.Server, services: DescService[]): (serving: boolean) => void {
  const health = new HealthImplementation()
  // The empty name stands for the server as a whole.
  const names = ['', ...services.map(service => service.typeName)]
  const setServing = (serving: boolean) => {
    for (const name of names) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING')
  }
  setServing(true)
  health.addToServer(server)
  return setServing
}

/**
 * The files of the services, of all that they import, and of health. `commented`: an encoded FileDescriptorSet, whose
 * files take the place of those of the same name, since they have their comments.
 */
export function filesOf(
  services: readonly DescService[],
  commented: Uint8Array = new Uint8Array(),
): FileDescriptorProto[] {
  const files = new Map<string, FileDescriptorProto>()
  for (const service of services) collect(service.file, files)
  for (const file of fromBinary(FileDescriptorSetSchema, commented).file) files.set(file.name, file)
  return [...files.values(), ...healthFiles()]
}

/** As proto-loader has read them. */
function healthFiles(): FileDescriptorProto[] {
  const files = (health.Check?.requestType?.fileDescriptorProtos ?? []).map(bytes =>
    fromBinary(FileDescriptorProtoSchema, bytes),
  )
  for (const file of files) complete(file)
  return files
}

/** A file and all that it imports. */
function collect(file: DescFile, files: Map<string, FileDescriptorProto>): void {
  if (files.has(file.name)) return
  files.set(file.name, file.proto)
  for (const dependency of file.dependencies) collect(dependency, files)
}
