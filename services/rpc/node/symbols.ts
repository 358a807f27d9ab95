// The names in a file of descriptors.

import type { DescriptorProto, EnumDescriptorProto, FileDescriptorProto } from '@bufbuild/protobuf/wkt'

/** The full names of all that a file declares: services, methods, messages and what is in them. */
export function symbolsIn(file: FileDescriptorProto): string[] {
  const top = file.package
  return [
    ...file.service.flatMap(({ name, method }) => [
      `${top}.${name}`,
      ...method.map(each => `${top}.${name}.${each.name}`),
    ]),
    ...file.messageType.flatMap(message => inMessage(message, top)),
    ...file.enumType.flatMap(each => inEnum(each, top)),
  ]
}

function inMessage(message: DescriptorProto, scope: string): string[] {
  const name = `${scope}.${message.name}`
  return [
    name,
    ...[...message.field, ...message.oneofDecl].map(each => `${name}.${each.name}`),
    ...message.nestedType.flatMap(nested => inMessage(nested, name)),
    ...message.enumType.flatMap(each => inEnum(each, name)),
  ]
}

/** The values of an enum are in the scope that the enum itself is in. */
function inEnum({ name, value }: EnumDescriptorProto, scope: string): string[] {
  return [`${scope}.${name}`, ...value.map(each => `${scope}.${each.name}`)]
}

/** Adds what protoc writes and other tools leave out: the names of types in full, with a dot before them, and JSON names. */
export function complete(file: FileDescriptorProto): void {
  const known = new Set(symbolsIn(file))
  const full = (name: string, scope: string): string => {
    if (name === '' || name.startsWith('.')) return name
    for (let from = scope; from !== ''; from = from.slice(0, Math.max(0, from.lastIndexOf('.'))))
      if (known.has(`${from}.${name}`)) return `.${from}.${name}`
    return `.${name}`
  }
  const qualify = (message: DescriptorProto, scope: string) => {
    const own = `${scope}.${message.name}`
    for (const field of message.field) {
      field.typeName = full(field.typeName, own)
      field.jsonName ||= field.name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
    }
    for (const nested of message.nestedType) qualify(nested, own)
  }
  for (const message of file.messageType) qualify(message, file.package)
  for (const { method } of file.service)
    for (const each of method) {
      each.inputType = full(each.inputType, file.package)
      each.outputType = full(each.outputType, file.package)
    }
}
