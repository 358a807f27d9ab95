import { mkdtemp, open, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { DATABASE_FILE } from '../../../../../services/server/store/sqlite/database/database.js'
import { SCHEMA_VERSION } from '../../../../../services/server/store/sqlite/database/schema.js'
import { openSqliteStore, StoreOpenError } from '../../../../../services/server/store/sqlite/store.js'
import { converse, gists, register } from '../../../../support/store-world.js'

const PERMISSION_BITS = 0o777

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-open-'))
})

afterEach(() => rm(folder, { recursive: true }))

/** The message that opening is refused with. */
async function refusal(at = folder): Promise<string> {
  try {
    const store = await openSqliteStore({ folder: at })
    await store.close()
  } catch (error) {
    if (error instanceof StoreOpenError) return error.message
    throw error
  }
  throw new Error('the store opened')
}

async function filled(): Promise<void> {
  const store = await openSqliteStore({ folder })
  const alice = await register(store, 'alice')
  for (let count = 0; count < 100; count += 1) await converse(store, alice)
  await store.close()
}

function changeDatabase(sql: string): void {
  const db = new DatabaseSync(join(folder, DATABASE_FILE))
  db.exec(sql)
  db.close()
}

describe('opening the store', () => {
  test('makes what is not there, for its owner only', async () => {
    const deep = join(folder, 'a', 'b')
    const store = await openSqliteStore({ folder: deep })
    await register(store, 'alice')
    const modes = []
    for (const path of [deep, join(deep, DATABASE_FILE), join(deep, `${DATABASE_FILE}-wal`)]) {
      modes.push((await stat(path)).mode & PERMISSION_BITS)
    }
    expect(modes).toEqual([0o700, 0o600, 0o600])
    await store.close()
  })

  test('is refused while another has it open, and works once that one is closed', async () => {
    const store = await openSqliteStore({ folder })
    expect(await refusal()).toMatch(/in use by another process/)
    await register(store, 'alice')
    await store.close()
    const next = await openSqliteStore({ folder })
    expect(await next.keyPackages.claim('alice', { suite: 83, except: new Uint8Array(32) })).toHaveLength(1)
    await next.close()
  })

  test('is refused for a newer format, which stays as it is', async () => {
    await filled()
    changeDatabase('PRAGMA user_version = 99')
    expect(await refusal()).toMatch(/newer version of Parley.*99/)
    changeDatabase(`PRAGMA user_version = ${SCHEMA_VERSION}`)
    const store = await openSqliteStore({ folder })
    expect(await gists(store, await register(store, 'alice'))).toHaveLength(100)
    await store.close()
  })

  test('is refused for an older format, which stays as it is', async () => {
    await filled()
    changeDatabase('PRAGMA user_version = 3')
    expect(await refusal()).toMatch(/older version of Parley \(format 3.*move the file.*away to begin anew/)
    changeDatabase(`PRAGMA user_version = ${SCHEMA_VERSION}`)
    const store = await openSqliteStore({ folder })
    expect(await gists(store, await register(store, 'alice'))).toHaveLength(100)
    await store.close()
  })

  test("is refused for another program's database", async () => {
    changeDatabase('CREATE TABLE other (x)')
    expect(await refusal()).toMatch(/not Parley's database/)
  })

  test.each<[string, () => Promise<void>]>([
    ['is text', () => writeFile(join(folder, DATABASE_FILE), 'hello '.repeat(2_000))],
    ['is cut off', () => truncate(join(folder, DATABASE_FILE), 30_000)],
    ['has a hole', () => overwrite(12_288, 40_960)],
    ['has no schema left', () => overwrite(100, 4_096)],
  ])('is refused for a file that %s, with the remedy', async (_name, damage) => {
    await filled()
    await damage()
    const message = await refusal()
    expect(message).toContain(join(folder, DATABASE_FILE))
    expect(message).toMatch(/is damaged.*[Rr]estore/)
  })

  test('is refused where no folder can be made', async () => {
    await writeFile(join(folder, 'file'), '')
    expect(await refusal(join(folder, 'file', 'data'))).toMatch(/cannot be written/)
  })

  const asRoot = process.getuid?.() === 0
  // Root may write everywhere, whatever the mode says.
  const unlessRoot = asRoot ? test.skip : test
  unlessRoot('is refused where the folder may not be written', async () => {
    const handle = await open(folder)
    await handle.chmod(0o500)
    await handle.close()
    expect(await refusal()).toMatch(/cannot be written/)
  })
})

async function overwrite(from: number, to: number): Promise<void> {
  const handle = await open(join(folder, DATABASE_FILE), 'r+')
  await handle.write(Buffer.alloc(to - from, 0xa5), 0, to - from, from)
  await handle.close()
}
