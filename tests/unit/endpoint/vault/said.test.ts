// The history's codes are in the vault as they were said.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import {
  type Message,
  MessageSchema,
  SendFailure,
  type SystemMessage,
  type Unreadable,
} from '../../../../gen/parley/vault/v1/records_pb.js'
import {
  failureRecord,
  type KnownSystemMessage,
  type KnownUnreadable,
  systemMessageOf,
  systemRecord,
  unreadableOf,
  unreadableRecord,
} from '../../../../services/endpoint/vault/said.js'
import { accountKey } from '../../../../services/protocol/keys.js'
import { SYSTEM_MESSAGES, UNREADABLE } from '../../../support/coded.js'

/** The same, with keys in the places of names. */
const withKeys = <T extends object>(said: T) => {
  const key = (name: string) => accountKey(new Uint8Array(32).fill(name.length))
  const keyed = (field: string, value: unknown): unknown => {
    if (!['by', 'from', 'others', 'who'].includes(field)) return value
    return Array.isArray(value) ? value.map(key) : key(String(value))
  }
  return Object.fromEntries(Object.entries(said).map(([field, value]) => [field, keyed(field, value)]))
}
const { newer: _, ...systemMessages } = SYSTEM_MESSAGES
const { newer: __, ...unreadable } = UNREADABLE

const written = (message: Message) => fromBinary(MessageSchema, toBinary(MessageSchema, message))

describe('a record has', () => {
  test.each(Object.values(systemMessages))('the system message $code', named => {
    const said = withKeys(named) as KnownSystemMessage
    const record = create(MessageSchema, { system: systemRecord(said) as SystemMessage })
    expect(systemMessageOf(written(record).system)).toEqual(said)
  })

  test.each(Object.values(unreadable))('the cause $code', named => {
    const why = withKeys(named) as KnownUnreadable
    const record = create(MessageSchema, { unreadable: unreadableRecord(why) as Unreadable })
    expect(unreadableOf(written(record).unreadable)).toEqual(why)
  })

  test.each([
    ['too-large', SendFailure.TOO_LARGE],
    ['malformed', SendFailure.MALFORMED],
    ['not-in-room', SendFailure.NOT_IN_ROOM],
    ['uncertain', SendFailure.UNCERTAIN],
  ] as const)('the failure %s', (failure, recorded) => {
    const { failure: read } = written(create(MessageSchema, { failure: failureRecord(failure) }))
    expect(read).toBe(recorded)
  })

  test('what only a newer version can say', () => {
    // Field 900 with no bytes, in the place of a system message: a case that this version does not know.
    const system = fromBinary(MessageSchema, Uint8Array.of(14 * 8 + 2, 3, 0xa2, 0x38, 0)).system
    expect(systemMessageOf(system)).toEqual({ code: 'newer' })
    expect(unreadableOf(undefined)).toEqual({ code: 'newer' })
  })
})
