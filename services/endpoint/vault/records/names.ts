// How rows are found by what they hold, which must not stand in clear on the disk: under a keyed hash of it.

import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import type {
  AccountKey,
  ContactNumber,
  ConversationNumber,
  DeviceKey,
  GroupNumber,
  HandleNumber,
} from '../../ids.js'
import type { Key, RowChange, Table } from '../table.js'
import { at, type Hashed } from './table-keys.js'

/** The kinds of values to look up `by`, and the numbers that each `finds`. */
interface Lookups {
  /** An account's key: the contact. */
  contact: { by: AccountKey; finds: ContactNumber }
  /** A handle: the contacts that claim it. */
  claims: { by: string; finds: ContactNumber }
  /** A handle: what is known of whose it is. */
  handle: { by: string; finds: HandleNumber }
  /** Contacts that the other devices of this account are to be told of. */
  contacts: { by: 'admitted-due'; finds: ContactNumber }
  /** Those of which there are few. */
  handles: { by: 'changed'; finds: HandleNumber }
  /** An account's key: the conversation with this person. */
  direct: { by: AccountKey; finds: ConversationNumber }
  /** A handle: the conversation with whoever it will be pinned to. */
  awaited: { by: string; finds: ConversationNumber }
  /** Conversations of a kind of which there are few. `unopened`: with a person, and without a group. */
  conversations: { by: 'own-devices' | 'unopened' | 'requested' | 'set-aside'; finds: ConversationNumber }
  /** The name of a room: the conversations. */
  room: { by: string; finds: ConversationNumber }
  /** An MLS group id: the group. */
  group: { by: Uint8Array; finds: GroupNumber }
  /** The id that a chain, or its accounts, give a conversation: its groups. */
  chain: { by: Uint8Array; finds: GroupNumber }
  /** A conversation: the groups that carry it. */
  carriers: { by: ConversationNumber; finds: GroupNumber }
  /** An account's key: the groups that they are in, and those of which they changed since they were last compared. */
  member: { by: AccountKey; finds: GroupNumber }
  unreconciled: { by: AccountKey; finds: GroupNumber }
  /** A group: the senders to whom a receipt is owed. */
  owed: { by: GroupNumber; finds: Hashed<'device'> }
  /** A device's public key: its place among the senders of a group. Nothing is linked to it. */
  device: { by: DeviceKey; finds: never }
  /** An account's key: what is known of its devices. Nothing is linked to it. */
  account: { by: AccountKey; finds: never }
}
export type Lookup = keyof Lookups
export type LookedUp<L extends Lookup> = Lookups[L]['by']
export type Found<L extends Lookup> = Lookups[L]['finds']

const KEY_BYTES = 32
const ONLY = at(0n)

/**
 * The key is the vault's own and sealed in it: a number means nothing in another vault, and stays the same whatever
 * becomes of the key that seals.
 */
export function namesOf(vault: {
  get(table: Table, key: Key): Uint8Array | undefined
  write(changes: readonly RowChange[]): void
}): <L extends Lookup>(lookup: L, value: LookedUp<L>) => Hashed<L> {
  const known = vault.get('meta', ONLY)
  const raw = known ?? new Uint8Array(randomBytes(KEY_BYTES))
  if (!known) vault.write([{ put: 'meta', key: ONLY, value: raw }])
  const key = createSecretKey(raw)
  raw.fill(0)
  return <L extends Lookup>(lookup: L, value: LookedUp<L>) => {
    const hash = createHmac('sha256', key).update(`${lookup}\0`)
    hash.update(typeof value === 'bigint' ? `${value}` : (value as string | Uint8Array))
    // 62 bits: a key of the vault, whatever they are.
    return (hash.digest().readBigUInt64BE() >> 2n) as Hashed<L>
  }
}
