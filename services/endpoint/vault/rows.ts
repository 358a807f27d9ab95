import type { DatabaseSync } from 'node:sqlite'
import { guarded } from './database.js'
import { damaged } from './error.js'
import { HIGHEST, isKey, type Key, LOWEST, type Range, TABLES, type Table } from './table.js'

/** How many keys are read at once. Values are read one by one, since they may be large. */
const KEYS_AT_ONCE = 256

/** The sealed rows of one table. Reading throws VaultError; writing throws as SQLite does, for the transaction's sake. */
interface Rows {
  get(key: Key): Uint8Array | undefined
  put(key: Key, sealed: Uint8Array): void
  delete(key: Key): void
  deleteGroup(group: bigint): void
  /** In order. Rows may be written while it runs; those not read yet then come as they are when read. */
  keys(range: Range): Generator<Key>
}

/** The rows of every table, with their statements prepared. Throws VaultError. */
export function openRows(database: DatabaseSync, file: string): Record<Table, Rows> {
  return guarded(file, () => {
    const rows = TABLES.map(table => [table, rowsOf(database, file, table)] as const)
    return Object.fromEntries(rows) as Record<Table, Rows>
  })
}

function rowsOf(database: DatabaseSync, file: string, table: Table): Rows {
  const get = database.prepare(`SELECT value FROM "${table}" WHERE grp = ? AND id = ?`)
  // Not REPLACE, which deletes and inserts: a value that is written again keeps its place in both trees.
  const put = database.prepare(
    `INSERT INTO "${table}" VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`,
  )
  const remove = database.prepare(`DELETE FROM "${table}" WHERE grp = ? AND id = ?`)
  const removeGroup = database.prepare(`DELETE FROM "${table}" WHERE grp = ?`)
  const readKeys = { up: keyReader(database, table, 'ASC'), down: keyReader(database, table, 'DESC') }
  return {
    get: key =>
      guarded(file, () => {
        if (!isKey(key)) return undefined
        const row = get.get(key.group, key.id)
        if (row && !(row.value instanceof Uint8Array)) throw damaged(file)
        return row?.value as Uint8Array | undefined
      }),
    put: (key, sealed) => void put.run(key.group, key.id, sealed),
    delete: key => void remove.run(key.group, key.id),
    deleteGroup: group => void removeGroup.run(group),
    keys: range => keysOf(range, part => guarded(file, () => readKeys[range.reverse ? 'down' : 'up'](part))),
  }
}

/** The rows between two keys, neither included. */
interface Span {
  after: Key
  before: Key
  limit: number
}

function keyReader(database: DatabaseSync, table: Table, order: 'ASC' | 'DESC'): (span: Span) => Key[] {
  const query = database.prepare(
    `SELECT grp, id FROM "${table}" WHERE (grp, id) > (?, ?) AND (grp, id) < (?, ?)
     ORDER BY grp ${order}, id ${order} LIMIT ?`,
  )
  query.setReadBigInts(true)
  return ({ after, before, limit }) =>
    query
      .all(after.group, after.id, before.group, before.id, limit)
      .map(row => ({ group: row.grp as bigint, id: row.id as bigint }))
}

function* keysOf(range: Range, read: (span: Span) => Key[]): Generator<Key> {
  let { after, before } = bounds(range)
  for (let left = range.limit ?? Number.POSITIVE_INFINITY; left > 0; left -= KEYS_AT_ONCE) {
    const keys = read({ after, before, limit: Math.min(left, KEYS_AT_ONCE) })
    yield* keys
    const last = keys.at(-1)
    if (!last || keys.length < KEYS_AT_ONCE) return
    if (range.reverse) before = last
    else after = last
  }
}

/** The keys between which the range lies; the lowest and the highest integer are nobody's. */
function bounds({ group, after, before }: Range): { after: Key; before: Key } {
  if (group === undefined && (after !== undefined || before !== undefined)) {
    throw new RangeError('A range of ids goes only with a group')
  }
  return {
    after: { group: group ?? LOWEST, id: after ?? LOWEST },
    before: { group: group ?? HIGHEST, id: before ?? HIGHEST },
  }
}
