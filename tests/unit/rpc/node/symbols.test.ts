import { create } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { expect, test } from '@jest/globals'
import { file_parley_v1_chat } from '../../../../gen/parley/v1/chat_pb.js'
import { complete, symbolsIn } from '../../../../services/rpc/node/symbols.js'

test('the symbols of a file are all that it declares, in full', () => {
  const symbols = symbolsIn(file_parley_v1_chat.proto)
  expect(symbols).toEqual(
    expect.arrayContaining([
      'parley.v1.ChatService',
      'parley.v1.ChatService.Chat',
      'parley.v1.Open',
      'parley.v1.Open.cursor',
      'parley.v1.ChatRequest.frame',
      'parley.v1.ErrorReason',
      'parley.v1.ERROR_REASON_CLOCK',
    ]),
  )
  expect(new Set(symbols).size).toBe(symbols.length)
})

test('names of types are found from the inside out, and those in full stay', () => {
  const file = create(FileDescriptorProtoSchema, {
    package: 'a.b',
    messageType: [
      { name: 'Inner', field: [] },
      {
        name: 'Outer',
        field: [
          { name: 'first_one', typeName: 'Inner' },
          { name: 'other', typeName: 'Alone' },
          { name: 'full', typeName: '.a.b.Inner', jsonName: 'kept' },
          { name: 'scalar' },
        ],
        nestedType: [{ name: 'Inner', field: [{ name: 'up', typeName: 'Alone' }] }],
      },
      { name: 'Alone' },
    ],
    service: [{ name: 'S', method: [{ name: 'M', inputType: 'Outer', outputType: '.a.b.Alone' }] }],
  })
  complete(file)
  const outer = file.messageType[1]!
  expect(outer.field.map(({ typeName }) => typeName)).toEqual([
    '.a.b.Outer.Inner',
    '.a.b.Alone',
    '.a.b.Inner',
    '',
  ])
  expect(outer.field.map(({ jsonName }) => jsonName)).toEqual(['firstOne', 'other', 'kept', 'scalar'])
  expect(outer.nestedType[0]!.field[0]!.typeName).toBe('.a.b.Alone')
  expect(file.service[0]!.method[0]).toMatchObject({ inputType: '.a.b.Outer', outputType: '.a.b.Alone' })
})
