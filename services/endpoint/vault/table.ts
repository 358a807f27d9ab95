/** The tables of a vault. */
export const TABLES = [
  'meta',
  'links',
  'identity',
  'server',
  'counters',
  'contacts',
  'handles',
  'conversations',
  'groups',
  'due',
  'later',
  'recent',
  'lists',
  'states',
  'chains',
  'pending',
  'pendingchains',
  'ratchets',
  'messages',
  'waiting',
  'outbox',
  'undelivered',
  'sent',
  'held',
  'keypackages',
  'welcomes',
  'intents',
  'senders',
  'devices',
  'transfers',
  'historyparts',
  'certificates',
] as const

export type Table = (typeof TABLES)[number]

/**
 * Where a value stands in its table; the order is by group, then by id. Both are 64-bit signed integers and in
 * clear on the disk: numbers of our own making or keyed hashes (records/names.ts), never anything that says who or what.
 * The lowest and the highest 64-bit integer are not keys.
 */
export interface Key {
  /** Rows that belong together share it, a conversation's number for one; 0n where there is nothing to tell apart. */
  group: bigint
  id: bigint
}

export type RowChange =
  | { put: Table; key: Key; value: Uint8Array }
  | { delete: Table; key: Key }
  | { deleteGroup: Table; group: bigint }

/** A part of a table. `after` and `before` are ids, not included, and go only with a group. */
export interface Range {
  /** All groups unless given. */
  group?: bigint
  after?: bigint | undefined
  before?: bigint | undefined
  /** How many rows at most. */
  limit?: number | undefined
  /** From the highest key down. */
  reverse?: boolean
}

export interface Row {
  key: Key
  value: Uint8Array
}

export const LOWEST = -(2n ** 63n)
export const HIGHEST = 2n ** 63n - 1n

/** Others may name a number that nothing here can have: what stands under it is nothing. */
export const isKey = ({ group, id }: Key): boolean =>
  [group, id].every(part => part > LOWEST && part < HIGHEST)

/** Throws RangeError for what is not a key. */
export function checkKey(key: Key): void {
  if (!isKey(key)) throw new RangeError('A key of a vault is two 64-bit integers')
}
