// How rows are found by what they hold, which must not stand in clear on the disk: under a keyed hash of it.

import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import type { ConversationNumber, GroupNumber } from '../../ids.js'
import type { Key, RowChange, Table } from '../table.js'
import { at } from './schemas.js'

/** The kinds of values to look up, and the numbers that each finds. */
export interface Lookups {
  /** A handle: the contact. */
  contact: string
  /** A handle: the conversation with this person. */
  direct: string
  /** Those of whom there are few. */
  contacts: 'changed'
  /** Conversations of a kind of which there are few. `unopened`: with a person, and without a group. */
  conversations: 'own-devices' | 'unopened'
  /** The name of a room: the conversations. */
  room: string
  /** An MLS group id: the group. */
  group: Uint8Array
  /** A conversation: the groups that carry it. */
  carriers: ConversationNumber
  /** A handle: the groups with devices of theirs, and those of which they changed since they were last compared. */
  member: string
  unreconciled: string
  /** A group: the senders to whom a receipt is owed. */
  owed: GroupNumber
  /** A device's public key: its place among the senders of a group. */
  device: Uint8Array
}
export type Lookup = keyof Lookups

const KEY_BYTES = 32
const ONLY = at(0n)

/**
 * The key is the vault's own and sealed in it: a number means nothing in another vault, and stays the same whatever
 * becomes of the key that seals.
 */
export function namesOf(vault: {
  get(table: Table, key: Key): Uint8Array | undefined
  write(changes: readonly RowChange[]): void
}): <L extends Lookup>(lookup: L, value: Lookups[L]) => bigint {
  const known = vault.get('meta', ONLY)
  const raw = known ?? new Uint8Array(randomBytes(KEY_BYTES))
  if (!known) vault.write([{ put: 'meta', key: ONLY, value: raw }])
  const key = createSecretKey(raw)
  raw.fill(0)
  return (lookup, value) => {
    const hash = createHmac('sha256', key).update(`${lookup}\0`)
    hash.update(typeof value === 'bigint' ? `${value}` : (value as string | Uint8Array))
    // 62 bits: a key of the vault, whatever they are.
    return hash.digest().readBigUInt64BE() >> 2n
  }
}
