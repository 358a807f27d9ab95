import { type DescFile, type DescService, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import type * as grpc from '@grpc/grpc-js'
import { ReflectionService } from '@grpc/reflection'
import { HealthImplementation } from 'grpc-health-check'

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

/** Adds server reflection (v1 and v1alpha), which grpcurl and its like ask. */
export function addReflection(server: grpc.Server, services: DescService[]): void {
  const files = new Map<string, DescFile>()
  for (const service of services) collect(service.file, files)
  // The package takes what proto-loader made of .proto files; of that it reads only this property.
  const fileDescriptorProtos = [...files.values()].map(file =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)),
  )
  const loaded = { format: 'Protocol Buffer 3 EnumDescriptorProto' as const, type: {}, fileDescriptorProtos }
  new ReflectionService({ parley: loaded }).addToServer(server)
}

/** A file and all that it imports. */
function collect(file: DescFile, files: Map<string, DescFile>): void {
  if (files.has(file.name)) return
  files.set(file.name, file)
  for (const dependency of file.dependencies) collect(dependency, files)
}
