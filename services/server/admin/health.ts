// The standard health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md), as far as a
// check needs it. It is described here by hand because it is not of our contract and so not in gen/.

import { create, createFileRegistry, type DescMethod, type DescMethodUnary, toJson } from '@bufbuild/protobuf'
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import type { RpcChannel } from '../../rpc/channel.js'

const PACKAGE = 'grpc.health.v1'
const RESPONSE = 'HealthCheckResponse'

const file = {
  name: 'grpc/health/v1/health.proto',
  package: PACKAGE,
  syntax: 'proto3',
  messageType: [
    { name: 'HealthCheckRequest', field: [field('service', FieldDescriptorProto_Type.STRING)] },
    {
      name: RESPONSE,
      field: [
        {
          ...field('status', FieldDescriptorProto_Type.ENUM),
          typeName: `.${PACKAGE}.${RESPONSE}.ServingStatus`,
        },
      ],
      enumType: [
        {
          name: 'ServingStatus',
          value: ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'].map((name, number) => ({
            name,
            number,
          })),
        },
      ],
    },
  ],
  service: [
    {
      name: 'Health',
      method: [
        { name: 'Check', inputType: `.${PACKAGE}.HealthCheckRequest`, outputType: `.${PACKAGE}.${RESPONSE}` },
      ],
    },
  ],
}

function field(name: string, type: FieldDescriptorProto_Type) {
  return { name, number: 1, type, label: FieldDescriptorProto_Label.OPTIONAL, jsonName: name }
}

/** Whether the server as a whole says that it serves. Rejects with RpcError when it cannot be asked. */
export async function checkHealth(channel: RpcChannel, timeoutMs: number): Promise<boolean> {
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }))
  const method = registry.getService(`${PACKAGE}.Health`)?.methods[0]
  if (method === undefined || !isUnary(method)) throw new TypeError('the health service is described wrongly')
  const response = await channel.unary(method, {}, { timeoutMs })
  return JSON.stringify(toJson(method.output, response)) === '{"status":"SERVING"}'
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === 'unary'
}
