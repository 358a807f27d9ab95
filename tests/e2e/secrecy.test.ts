// A text can be read at the two ends only: not on the wire, not at the server, not by its process.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { filesWith, formsOf } from '../support/folder.js'
import { PATIENCE_MS } from '../support/processes.js'
import { tcpProxy } from '../support/tcp-proxy.js'
import { withWorld } from '../support/world.js'

const MARKER = 'the heron stands in the reeds at dawn'
const BACK = 'and the otter answers from the bank'

/** Modules with which an envelope could be opened, and those that only they need. */
const OPENERS = /\/services\/(?:endpoint|client|terminal)\/|\/node_modules\/ts-mls\//

/** The folder and all in it, deepest last. */
const foldersOf = (folder: string): string[] => [
  folder,
  ...readdirSync(folder)
    .map(name => join(folder, name))
    .filter(path => statSync(path).isDirectory())
    .flatMap(foldersOf),
]

const filesOf = (folder: string) => foldersOf(folder).flatMap(each => readdirSync(each))

function expectNowhere(folder: string, marker: string): void {
  for (const each of foldersOf(folder)) expect(filesWith(each, marker)).toEqual([])
}

describe('a marker that was sent', () => {
  test(
    "is neither in the server's folder nor on the wire, in clear, base64 or hex",
    async () => {
      await withWorld(async world => {
        const server = await world.server()
        const wire = await tcpProxy(server.port)
        const bob = world.client('bob', wire.address, { args: ['--to', 'alice', '--follow'] })
        const alice = world.client('alice', wire.address, { args: ['--to', 'bob', '--follow'] })
        alice.write(`${MARKER}\n`)
        await bob.event(({ text, own }) => text === MARKER && own === false)
        bob.write(`${BACK}\n`)
        await alice.event(({ text, own }) => text === BACK && own === false)

        // While it runs, its write-ahead log is there too.
        expect(filesOf(world.folder('server')).length).toBeGreaterThan(2)
        for (const marker of [MARKER, BACK]) expectNowhere(world.folder('server'), marker)
        await Promise.all([alice.stop(), bob.stop()])
        await server.stop()
        await wire.close()
        const bytes = wire.recorded()
        // The wire was listened on: a handshake names the protocol in clear.
        expect(bytes.includes('h2')).toBe(true)
        for (const marker of [MARKER, BACK]) {
          expectNowhere(world.folder('server'), marker)
          expect(formsOf(Buffer.from(marker)).filter(form => bytes.includes(form))).toEqual([])
        }
        expect([...server.stdout.all, ...server.stderr.all].join('\n')).not.toMatch(/heron|otter/)
      })
    },
    PATIENCE_MS,
  )

  test(
    "is not in the operator's folder either, which is sealed, though the console shows it",
    async () => {
      await withWorld(async world => {
        const server = await world.server({ console: 'on' })
        const alice = world.client('alice', server.address, { args: ['--wait-delivered'] })
        alice.write(`${MARKER}\n`)
        alice.endInput()
        expect((await alice.ended).code).toBe(0)
        await server.stdout.find(line => line.endsWith(MARKER))
        await server.stop()
        for (const folder of ['server', 'alice']) expectNowhere(world.folder(folder), MARKER)
      })
    },
    PATIENCE_MS,
  )
})

describe("the server's process", () => {
  const modulesLoaded = (wanted: 'on' | 'off') =>
    withWorld(async world => {
      const list = world.folder('modules')
      const server = await world.server({
        console: wanted,
        imports: ['loaded-modules.js'],
        env: { TEST_LOADED_MODULES: list },
      })
      const bob = world.client('bob', server.address, { args: ['--to', 'alice', '--follow'] })
      const alice = world.client('alice', server.address, { args: ['--to', 'bob', '--wait-delivered'] })
      alice.write('hello\n')
      alice.endInput()
      expect((await alice.ended).code).toBe(0)
      await bob.stop()
      await server.stop()
      return readFileSync(list, 'utf8').split('\n')
    })

  test(
    'has loaded no module that can open an envelope, with the console off',
    async () => {
      const modules = await modulesLoaded('off')
      expect(modules.some(url => url.endsWith('/services/server/relay.js'))).toBe(true)
      expect(modules.filter(url => OPENERS.test(url))).toEqual([])
    },
    PATIENCE_MS,
  )

  test(
    'has loaded them with the console on, so that the test above can fail',
    async () => {
      const modules = await modulesLoaded('on')
      for (const part of ['/services/endpoint/mls/library.js', '/node_modules/ts-mls/'])
        expect(modules.some(url => OPENERS.test(url) && url.includes(part))).toBe(true)
    },
    PATIENCE_MS,
  )
})
