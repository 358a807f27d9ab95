import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { DATABASE_FILE } from '../../../../../services/server/store/sqlite/database/database.js'
import { SCHEMA_VERSION } from '../../../../../services/server/store/sqlite/database/schema.js'
import { openSqliteStore } from '../../../../../services/server/store/sqlite/store.js'
import { ALICE, BOB, CONVERSATION, makeVersion1 } from '../../../../support/schema-1.js'
import { accountOf, application, bytesOf, gists, mustSend } from '../../../../support/store-world.js'

const DAY_MS = 24 * 3600 * 1000

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-migration-'))
})

afterEach(() => rm(folder, { recursive: true }))

function onDatabase<T>(use: (db: DatabaseSync) => T, name = DATABASE_FILE): T {
  const db = new DatabaseSync(join(folder, name))
  try {
    return use(db)
  } finally {
    db.close()
  }
}

/** Tables, columns and indexes as SQLite sees them, without how they were written down. */
function shapeOf(db: DatabaseSync): unknown[] {
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all()
  return tables.map(({ name }) => [
    name,
    db
      .prepare('SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?) ORDER BY name')
      .all(String(name)),
    db.prepare('SELECT name, "unique", partial FROM pragma_index_list(?) ORDER BY name').all(String(name)),
  ])
}

describe('a store of version 1', () => {
  test('keeps all that it had, and goes on', async () => {
    onDatabase(makeVersion1)
    for (const round of [0, 1]) {
      const store = await openSqliteStore({ folder })
      expect((await store.directory.device(ALICE.id))?.blocked).toBeUndefined()
      expect(await store.log.clientSequence(ALICE.id)).toBe(BigInt(3 + round))
      const said = Array.from({ length: round }, () => 'new')
      expect(await gists(store, BOB)).toEqual(['welcome', 'commit', 'kept', ...said])
      const alice = { ...ALICE, sent: BigInt(3 + round) }
      await mustSend(store, alice, application(alice, CONVERSATION, { epoch: 2n, text: 'new' }))
      await store.close()
    }
    expect(onDatabase(db => db.prepare('PRAGMA user_version').get())).toEqual({
      user_version: SCHEMA_VERSION,
    })
  })

  test('counts its key packages as new, and can revoke, ban and invite', async () => {
    onDatabase(makeVersion1)
    const store = await openSqliteStore({ folder })
    expect(await store.keyPackages.expire(Date.now() - DAY_MS)).toBe(0)
    expect(await store.keyPackages.expire(Date.now() + DAY_MS)).toBe(2)
    expect(await store.keyPackages.count(ALICE.id)).toEqual({ left: 0, hasLastResort: true })
    expect(await store.directory.revoke(accountOf('bob'), [BOB.id])).toEqual([BOB.id])
    await store.admission.ban({ handle: 'alice' })
    await store.admission.addInvite(bytesOf('invite'), Date.now() + DAY_MS)
    expect((await store.directory.device(ALICE.id))?.blocked).toBe('banned')
    await store.close()
  })

  test('gets the same tables as a new one', async () => {
    await (await openSqliteStore({ folder: join(folder, 'new') })).close()
    onDatabase(makeVersion1)
    await (await openSqliteStore({ folder })).close()
    expect(onDatabase(shapeOf)).toEqual(onDatabase(shapeOf, join('new', DATABASE_FILE)))
  })

  test('stays as it is when it cannot be brought up', async () => {
    onDatabase(db => {
      makeVersion1(db)
      db.exec('CREATE TABLE bans (in_the_way)')
    })
    const before = onDatabase(shapeOf)
    await expect(openSqliteStore({ folder })).rejects.toThrow()
    expect(onDatabase(shapeOf)).toEqual(before)
    expect(onDatabase(db => db.prepare('PRAGMA user_version').get())).toEqual({ user_version: 1 })
  })
})
