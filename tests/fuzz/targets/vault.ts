// The files of a vault that came back otherwise: the lock, sealed rows, and records.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  ContactSchema,
  ConversationSchema,
  GroupSchema,
  MessageSchema,
  OutboxItemSchema,
  SenderSchema,
} from '../../../gen/parley/vault/v1/records_pb.js'
import { codedOf } from '../../../services/endpoint/vault/coded.js'
import { VaultError } from '../../../services/endpoint/vault/error.js'
import { makeLock, parseLock } from '../../../services/endpoint/vault/lock.js'
import { systemMessageOf, unreadableOf } from '../../../services/endpoint/vault/said.js'
import { makeSealer } from '../../../services/endpoint/vault/seal.js'
import type { Chance } from '../../support/chance.js'
import { changedBytes, changedEncoded } from '../mutation.js'
import { refusing, type Target } from '../target.js'

const SCHEMAS = [ContactSchema, ConversationSchema, GroupSchema, OutboxItemSchema, SenderSchema] as const
const KEY = { group: 1n, id: 2n }

export const vault: Target = {
  name: 'vault',
  share: 15,
  async open() {
    const dataKey = new Uint8Array(32).fill(5)
    const lock = await makeLock(dataKey, undefined)
    const sealer = makeSealer(dataKey)
    const sealed = sealer.seal('messages', KEY, new Uint8Array(100).fill(1))
    const said = toBinary(
      MessageSchema,
      create(MessageSchema, {
        system: {
          what: { case: 'joined', value: { others: [new Uint8Array(32)], topic: 'tea', historyDays: 3 } },
        },
        unreadable: { why: { case: 'gap', value: { from: new Uint8Array(32), count: 3n } } },
      }),
    )
    const inputs: ((chance: Chance) => void)[] = [
      chance => refusing([VaultError], () => parseLock(changedBytes(chance, lock), 'vault.db')),
      chance => {
        const changed = changedBytes(chance, sealed)
        if (Buffer.compare(changed, sealed) !== 0 && sealer.open('messages', KEY, changed))
          throw new Error('a row was opened that was not sealed so')
      },
      // A newer version has written what this one does not know.
      chance => {
        const encoded = changedEncoded(chance, MessageSchema, { encoded: said })
        const message = decoded(MessageSchema, encoded)
        if (!message) return
        systemMessageOf(message.system)
        unreadableOf(message.unreadable)
        codedOf(message.system?.what)
      },
      chance => {
        const schema = chance.pick(SCHEMAS)!
        decoded(schema, changedEncoded(chance, schema, { encoded: toBinary(schema, create(schema)) }))
      },
    ]
    return { run: chance => chance.pick(inputs)!(chance), close: () => sealer.forget() }
  },
}

/** undefined for bytes that protobuf does not take. */
function decoded<D extends Parameters<typeof fromBinary>[0]>(schema: D, bytes: Uint8Array) {
  try {
    return fromBinary(schema, bytes)
  } catch {
    return undefined
  }
}
