// The vault's tables as typed records (proto/parley/vault/v1), and the unit of work in which they change:
// everything that one input does is written at once, and only then told.

import { create, fromBinary, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf'
import {
  ContactSchema,
  ConversationSchema,
  EarlierPartSchema,
  GroupSchema,
  HandoverSchema,
  IdentitySchema,
  IntentSchema,
  KeyPackageSchema,
  MessageSchema,
  OutboxItemSchema,
  OwnDeviceSchema,
  SenderSchema,
  ServerSchema,
  UndeliveredSchema,
  WaitingSchema,
  WelcomeSchema,
} from '../../../gen/parley/vault/v1/records_pb.js'
import type { EndpointEvent } from '../events.js'
import type { Change, Key, Range, Vault } from './vault.js'

const SCHEMAS = {
  identity: IdentitySchema,
  server: ServerSchema,
  contacts: ContactSchema,
  conversations: ConversationSchema,
  groups: GroupSchema,
  messages: MessageSchema,
  waiting: WaitingSchema,
  outbox: OutboxItemSchema,
  senders: SenderSchema,
  undelivered: UndeliveredSchema,
  sent: UndeliveredSchema,
  keypackages: KeyPackageSchema,
  welcomes: WelcomeSchema,
  intents: IntentSchema,
  devices: OwnDeviceSchema,
  handovers: HandoverSchema,
  earlier: EarlierPartSchema,
} as const

type Schemas = typeof SCHEMAS
export type RecordTable = keyof Schemas
export const RECORD_TABLES = Object.keys(SCHEMAS) as readonly RecordTable[]
/** Tables of plain bytes: MLS states (id 0: the state, 1: the pending one) and ratchet nodes, grouped by group. */
export type BytesTable = 'states' | 'ratchets'
export type RecordOf<T extends RecordTable> = MessageShape<Schemas[T]>
export type RecordInit<T extends RecordTable> = MessageInitShape<Schemas[T]>

export interface Records {
  get<T extends RecordTable>(table: T, key: Key): RecordOf<T> | undefined
  list<T extends RecordTable>(table: T, range?: Range): { key: Key; record: RecordOf<T> }[]
  /** Much cheaper than the records, which have to be opened. */
  keys(table: RecordTable | BytesTable): Key[]
  bytes(table: BytesTable, key: Key): Uint8Array | undefined
  listBytes(table: BytesTable, range: Range): { key: Key; value: Uint8Array }[]
  begin(): Batch
}

/** Changes and events that belong together. */
export interface Batch {
  /** A record as this batch leaves it so far. */
  get<T extends RecordTable>(table: T, key: Key): RecordOf<T> | undefined
  put<T extends RecordTable>(table: T, key: Key, record: RecordInit<T>): void
  putBytes(table: BytesTable, key: Key, value: Uint8Array): void
  delete(table: RecordTable | BytesTable, key: Key): void
  deleteGroup(table: RecordTable | BytesTable, group: bigint): void
  tell(event: EndpointEvent): void
  /** Runs after the changes are saved. */
  after(action: () => void): void
  /** Saves all changes at once, durably, then tells the events. Throws VaultError; then nothing is saved or told. */
  commit(): void
}

/** A key in a table that is not grouped. */
export const at = (id: bigint): Key => ({ group: 0n, id })

export function openRecords(vault: Vault, emit: (event: EndpointEvent) => void): Records {
  const decode = <T extends RecordTable>(table: T, value: Uint8Array): RecordOf<T> =>
    fromBinary(SCHEMAS[table], value) as RecordOf<T>
  return {
    get(table, key) {
      const value = vault.get(table, key)
      return value && decode(table, value)
    },
    list: (table, range) =>
      Array.from(vault.list(table, range), ({ key, value }) => ({ key, record: decode(table, value) })),
    keys: table => [...vault.keys(table)],
    bytes: (table, key) => vault.get(table, key),
    listBytes: (table, range) => [...vault.list(table, range)],
    begin: () => beginBatch(vault, emit),
  }
}

const overlayKey = (table: string, key: Key) => `${table}/${key.group}/${key.id}`

function beginBatch(vault: Vault, emit: (event: EndpointEvent) => void): Batch {
  const changes: Change[] = []
  const events: EndpointEvent[] = []
  const actions: (() => void)[] = []
  const overlay = new Map<string, Uint8Array | undefined>()
  const put = (table: RecordTable | BytesTable, key: Key, value: Uint8Array) => {
    changes.push({ put: table, key, value })
    overlay.set(overlayKey(table, key), value)
  }
  return {
    get(table, key) {
      const own = overlayKey(table, key)
      const value = overlay.has(own) ? overlay.get(own) : vault.get(table, key)
      return value && (fromBinary(SCHEMAS[table], value) as RecordOf<typeof table>)
    },
    put(table, key, record) {
      const schema = SCHEMAS[table] as typeof GroupSchema
      put(table, key, toBinary(schema, create(schema, record as RecordInit<'groups'>)))
    },
    putBytes: put,
    delete(table, key) {
      changes.push({ delete: table, key })
      overlay.set(overlayKey(table, key), undefined)
    },
    deleteGroup: (table, group) => void changes.push({ deleteGroup: table, group }),
    tell: event => void events.push(event),
    after: action => void actions.push(action),
    commit() {
      if (changes.length > 0) vault.write(changes)
      for (const action of actions) action()
      for (const event of events) emit(event)
    },
  }
}
