// The kinds of the two numbers of a key, table by table: a key of one table is none of another.

import type {
  ClientSequence,
  ContactNumber,
  ConversationNumber,
  Count,
  GroupNumber,
  HandleNumber,
  IntentNumber,
  MessageNumber,
  Numbered,
  Sequence,
} from '../../ids.js'

/** A number that stands for what is looked up by (names.ts). */
export type Hashed<Lookup extends string> = Numbered<`hash of ${Lookup}`>

/** A key in a table that is not grouped. */
interface Single<Id extends bigint> {
  readonly group: 0n
  readonly id: Id
}
interface Grouped<Group extends bigint, Id extends bigint> {
  readonly group: Group
  readonly id: Id
}

/** The key in a table of one row. */
type Only = Single<0n>

interface TableKeys {
  links: Grouped<Hashed<string>, bigint>
  identity: Only
  server: Only
  counters: Only
  contacts: Single<ContactNumber>
  handles: Single<HandleNumber>
  conversations: Single<ConversationNumber>
  groups: Single<GroupNumber>
  due: Single<GroupNumber>
  later: Single<GroupNumber>
  recent: Single<ConversationNumber>
  lists: Single<Hashed<'account'>>
  states: Single<GroupNumber>
  chains: Single<GroupNumber>
  pending: Single<GroupNumber>
  pendingchains: Single<GroupNumber>
  ratchets: Grouped<GroupNumber, Numbered<'ratchet'>>
  messages: Grouped<ConversationNumber, MessageNumber>
  waiting: Single<MessageNumber>
  outbox: Single<ClientSequence>
  undelivered: Grouped<GroupNumber, Count>
  sent: Grouped<GroupNumber, Count>
  held: Grouped<GroupNumber, Numbered<'held content'>>
  keypackages: Single<Numbered<'key package'>>
  welcomes: Grouped<Sequence, Numbered<'attempt'>>
  intents: Grouped<GroupNumber, IntentNumber>
  senders: Grouped<GroupNumber, Hashed<'device'>>
  devices: Single<Numbered<'own device'>>
  transfers: Grouped<ConversationNumber, Numbered<'transfer'>>
  historyparts: Single<Numbered<'history part'>>
  certificates: Single<Hashed<'device'>>
}

export type KeyOf<T extends keyof TableKeys> = TableKeys[T]
export type GroupOf<T extends keyof TableKeys> = KeyOf<T>['group']
export type IdOf<T extends keyof TableKeys> = KeyOf<T>['id']

/** A part of a table: Range (../table.ts) with numbers of its kinds. */
export interface RangeOf<T extends keyof TableKeys> {
  readonly group?: GroupOf<T>
  readonly after?: IdOf<T> | undefined
  readonly before?: IdOf<T> | undefined
  readonly limit?: number | undefined
  readonly reverse?: boolean
}

/** The key of this id in a table that is not grouped. */
export const at = <Id extends bigint>(id: Id): Single<Id> => ({ group: 0n, id })
