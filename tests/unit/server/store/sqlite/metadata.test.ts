// The README says what a server keeps of those who use it. A table or column that it does not speak of is something that
// people were not told.

import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from '@jest/globals'
import { SCHEMA } from '../../../../../services/server/store/sqlite/database/schema.js'

const README = readFileSync(new URL('../../../../../../README.md', import.meta.url), 'utf8')
const SECTION = README.slice(README.indexOf('### What the server sees')).split(/\n#+ /)[0]!

/** The columns that the README's table speaks of. Say there what a further one tells. */
const TOLD: Record<string, string> = {
  accounts: 'key handle account_key devices',
  bans: 'key handle device_id banned_at',
  conversations:
    'key id creator epoch last_commit expired_through expired_shown shared_epoch commits_free_at ' +
    'account_commits successor successor_sequence',
  cursor_key: 'only key',
  devices: 'key id account',
  directory_key: 'only key',
  invites: 'hash until',
  key_packages: 'key device hash suite package published_at',
  last_resorts: 'device suite package',
  log: 'sequence conversation shown sender client_sequence stored_at epoch kind payload',
  nonces: 'device_id nonce until',
  progress: 'device client_sequence commits_free_at acked_sequence conversations revoked',
  removed: 'conversation device joined_epoch sequence removed_at',
  roster: 'conversation device joined_sequence joined_epoch left_sequence left_shown gone missed',
  sequence: 'only ceiling',
  server: 'only id',
  successors: 'conversation account made_at',
  usage: 'account bytes',
}

function columns(): Record<string, string> {
  const db = new DatabaseSync(':memory:')
  db.exec(SCHEMA)
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  const named = tables.map(({ name }) => {
    const found = db.prepare('SELECT name FROM pragma_table_info(?)').all(name!)
    return [String(name), found.map(column => column.name).join(' ')]
  })
  db.close()
  return Object.fromEntries(named)
}

test('the README speaks of every table of the store, and of no other', () => {
  const rows = SECTION.split('\n').filter(line => line.startsWith('| `'))
  const named = rows.flatMap(row => [...row.split('|')[1]!.matchAll(/`(\w+)`/g)].map(([, name]) => name))
  expect(named.toSorted()).toEqual(Object.keys(columns()).toSorted())
})

test('and of what its columns tell', () => {
  expect(columns()).toEqual(TOLD)
})
