// A server's answers when it cannot start, or is asked for something wrong: one line, and what to do.

import { mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from '@jest/globals'
import { expectError } from '../support/plain-errors.js'
import { PATIENCE_MS } from '../support/processes.js'
import { type World, withWorld } from '../support/world.js'

const FAILED = 1
const WRONG_USE = 2
const DATABASE = 'parley.db'

const start = (world: World, ...args: string[]) =>
  world.run('server/main.js', [
    '--host',
    '127.0.0.1',
    '--port',
    '0',
    '--data',
    world.folder('server'),
    ...args,
  ])

/** A folder that a server has used. */
async function usedFolder(world: World): Promise<string> {
  const server = await world.server()
  await server.stop()
  return world.folder('server')
}

describe('a server says what is wrong', () => {
  test(
    'with a port that is used',
    async () => {
      await withWorld(async world => {
        const other = createServer()
        await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
        const taken = other.address()
        const port = typeof taken === 'object' && taken ? taken.port : 0
        const ended = await start(world, '--port', String(port))
        expectError(ended, { code: FAILED, says: [new RegExp(`port ${port} is in use`), /--port/] })
        await new Promise(resolve => other.close(resolve))
      })
    },
    PATIENCE_MS,
  )

  test.each([
    ['a port over 65535', ['--port', '99999'], [/--port/, /65535/]],
    ['a port that is no number', ['--port', 'many'], [/--port/, /65535/]],
    ['an unknown option', ['--prot', '5000'], [/prot/, /--help/]],
    [
      'an operator handle with odd characters',
      ['--operator-handle', 'Big Boss'],
      [/--operator-handle/, /a-z/],
    ],
    ['half of a certificate', ['--tls-cert', 'cert.pem'], [/--tls-cert and --tls-key go together/]],
  ])(
    'with %s',
    async (_, args, says) => {
      await withWorld(async world => {
        expectError(await start(world, ...args), { code: WRONG_USE, says })
      })
    },
    PATIENCE_MS,
  )

  test(
    'with a data folder that another process uses',
    async () => {
      await withWorld(async world => {
        await world.server()
        expectError(await start(world), {
          code: FAILED,
          says: [/in use by another process/, /Stop that one/],
        })
      })
    },
    PATIENCE_MS,
  )

  test(
    'with a data folder from a newer version, which is left as it is',
    async () => {
      await withWorld(async world => {
        const file = join(await usedFolder(world), DATABASE)
        const database = new DatabaseSync(file)
        database.exec('PRAGMA user_version = 999')
        database.close()
        expectError(await start(world), { code: FAILED, says: [/newer version/, /format 999/] })
      })
    },
    PATIENCE_MS,
  )

  test(
    'with a damaged store',
    async () => {
      await withWorld(async world => {
        const folder = await usedFolder(world)
        for (const name of readdirSync(folder).filter(each => each.startsWith(DATABASE))) {
          const file = join(folder, name)
          const { size } = statSync(file)
          truncateSync(file, Math.floor(size / 2))
        }
        expectError(await start(world), { code: FAILED, says: [/is damaged/, /backup/] })
      })
    },
    PATIENCE_MS,
  )

  test(
    'with a data folder that cannot be written',
    async () => {
      await withWorld(async world => {
        mkdirSync(world.folder(''), { recursive: true })
        writeFileSync(world.folder('server'), 'a file where the folder should be')
        expectError(await start(world), { code: FAILED, says: [/cannot be written/, /name another folder/] })
      })
    },
    PATIENCE_MS,
  )
})
