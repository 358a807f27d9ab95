import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe } from '@jest/globals'
import { openMemoryStore } from '../../../../services/server/store/memory/store.js'
import { Tables } from '../../../../services/server/store/memory/tables.js'
import { openSqliteStore } from '../../../../services/server/store/sqlite/store.js'
import type { Store } from '../../../../services/server/store/store.js'
import { storeSuite } from '../../../support/store-suite.js'

describe('the SQLite store', () => {
  const cleanups: (() => Promise<void>)[] = []

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup()
  })

  storeSuite(async ({ now = Date.now, ...limits } = {}) => {
    const folder = await mkdtemp(join(tmpdir(), 'parley-store-'))
    let store: Store = await openSqliteStore({ folder, limits, now })
    cleanups.push(async () => {
      await store.close()
      await rm(folder, { recursive: true })
    })
    const reopen = async () => {
      await store.close()
      store = await openSqliteStore({ folder, limits, now })
      return store
    }
    return { store, reopen }
  })
})

describe('the memory store', () => {
  storeSuite(async ({ now = Date.now, ...limits } = {}) => {
    const tables = new Tables()
    const open = () => openMemoryStore({ tables, limits, now })
    return { store: open(), reopen: async () => open() }
  })
})
