// The vault's tables and what their rows hold (proto/parley/vault/v1).

import type { MessageInitShape, MessageShape } from '@bufbuild/protobuf'
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
import type { Key } from './vault.js'

export const SCHEMAS = {
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
export type AnyTable = RecordTable | BytesTable
export type RecordOf<T extends RecordTable> = MessageShape<Schemas[T]>
export type RecordInit<T extends RecordTable> = MessageInitShape<Schemas[T]>

/** A key in a table that is not grouped. */
export const at = (id: bigint): Key => ({ group: 0n, id })
