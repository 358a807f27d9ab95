import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import {
  circlesOfRooms,
  cycles,
  FOLDERS,
  modulesNamed,
  packageOf,
  type Sources,
  violations,
} from '../support/imports.js'

/** The top of the repository, seen from the compiled test. */
const TOP = fileURLToPath(new URL('../../../', import.meta.url))

const sources: Sources = new Map(
  readdirSync(`${TOP}services`, { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts'))
    .map(path => `services/${path}`)
    .map(path => [path, readFileSync(TOP + path, 'utf8')]),
)

describe('the folders', () => {
  test('are all in the table', () => {
    const folders = new Set([...sources.keys()].map(path => path.slice(0, path.lastIndexOf('/'))))
    expect([...folders].sort()).toEqual(Object.keys(FOLDERS).sort())
  })

  test('have a line each in the README', () => {
    const readme = readFileSync(`${TOP}README.md`, 'utf8')
    const missing = Object.keys(FOLDERS).filter(folder => !readme.includes(`| \`${folder}\` | `))
    expect(missing).toEqual([])
  })

  test('have at most 16 files', () => {
    const crowded = Object.keys(FOLDERS).filter(
      folder =>
        [...sources.keys()].filter(path => path.slice(0, path.lastIndexOf('/')) === folder).length > 16,
    )
    expect(crowded).toEqual([])
  })

  test('import only what the table lets them', () => {
    expect(violations(sources)).toEqual([])
  })

  test('import in no circle', () => {
    expect(cycles(sources)).toEqual([])
  })

  test.each(['server', 'client'])('of the %s import each other in no circle', name => {
    const inner = [...sources].filter(([path]) => path.startsWith(`services/${name}/`))
    expect(circlesOfRooms(new Map(inner))).toEqual([])
  })

  test('import each other in no circle', () => {
    expect(circlesOfRooms(sources)).toEqual([])
  })

  test('name only modules that are there, and packages that an installation without tools has', () => {
    const manifest: { dependencies: object } = JSON.parse(readFileSync(`${TOP}package.json`, 'utf8'))
    const packages = [...sources.values()].flatMap(modulesNamed).flatMap(name => packageOf(name) ?? [])
    const missing = packages.filter(name => !(name in manifest.dependencies))
    expect([...new Set(missing)]).toEqual([])
    // Or nothing above has looked at anything.
    expect(packages).toContain('ts-mls')
    expect(packages).toContain('@grpc/grpc-js')
  })
})

describe('the check itself', () => {
  const of = (path: string, text: string) => violations(new Map([[path, text]]))

  test.each([
    ['a value', "import { a } from '../endpoint/a.js'"],
    ['over several rows', "import {\n  a,\n  type B,\n} from '../endpoint/a.js'"],
    ['a type', "import type { A } from '../endpoint/a.js'"],
    ['for its effect', "import '../endpoint/a.js'"],
    ['dynamically', "const { a } = await import('../endpoint/a.js')"],
    ["a type's module", "let a: typeof import('../endpoint/a.js')"],
    ['by passing it on', "export { a } from '../endpoint/a.js'"],
    ['all of it', "export * from '../endpoint/a.js'"],
    ['as a worker', "new Worker(new URL('../endpoint/a.js', import.meta.url))"],
    ['the old way', "const a = require('../endpoint/a.js')"],
  ])('sees an import %s', (_, text) => {
    expect(of('services/server/x.ts', text)).toEqual(['services/server/x.ts imports services/endpoint/a.ts'])
    expect(of('services/endpoint/x.ts', text)).toEqual([])
  })

  test('knows packages that are one place’s own, and what is inside them', () => {
    const grpc = "import { Server } from '@grpc/grpc-js'"
    expect(of('services/server/x.ts', grpc)).toHaveLength(1)
    expect(of('services/server/main.ts', grpc)).toHaveLength(1)
    expect(of('services/rpc/x.ts', grpc)).toHaveLength(1)
    expect(of('services/rpc/node/x.ts', grpc)).toEqual([])
    const mls = "import { a } from 'ts-mls/codec/tlsEncoder.js'"
    expect(of('services/endpoint/mls/join.ts', mls)).toHaveLength(1)
    expect(of('services/endpoint/mls/library.ts', mls)).toEqual([])
  })

  test('lets only main.ts open a store', () => {
    const text = "import { openSqliteStore } from './store/sqlite/store.js'"
    expect(of('services/server/main.ts', text)).toEqual([])
    expect(of('services/server/relay.ts', text)).toHaveLength(1)
    expect(of('services/server/store/sqlite/x.ts', "import { A } from './log/a.js'")).toEqual([])
  })

  test('lets a client in by the door alone', () => {
    expect(of('services/client/x.ts', "import { A } from '../endpoint/index.js'")).toEqual([])
    expect(of('services/client/x.ts', "import { A } from '../endpoint/events.js'")).toHaveLength(1)
    expect(of('services/client/x.ts', "import { A } from '../endpoint/line/line.js'")).toHaveLength(1)
  })

  test('lets main.ts join, and nobody else', () => {
    const text = "const { a } = await import('../client/a.js')"
    expect(of('services/server/main.ts', text)).toEqual([])
    expect(of('services/server/other.ts', text)).toHaveLength(1)
    expect(of('services/server/chat/main.ts', text.replace('../', '../../'))).toHaveLength(1)
  })

  test('keeps the server from what is inside the ciphertext', () => {
    const text = "import { A } from '../../gen/parley/content/v1/content_pb.js'"
    expect(of('services/server/x.ts', text)).toHaveLength(1)
    expect(of('services/endpoint/x.ts', text)).toEqual([])
    const padding = "import { pad } from '../../protocol/content/padding.js'"
    expect(of('services/server/auth/x.ts', padding)).toHaveLength(1)
    expect(of('services/endpoint/messages/x.ts', padding)).toEqual([])
  })

  test('keeps Node out of what runs in a browser', () => {
    const file = 'services/protocol/identity/x.ts'
    for (const text of [
      "import { hash } from 'node:crypto'",
      "import type { Server } from 'node:net'",
      "import { nodeCrypto } from '../node/crypto.js'",
      "import pino from 'pino'",
      'const name = Buffer.from(text)',
      'if (process.env.A) b()',
      'function a(bytes: Buffer): void {}',
    ])
      expect(of(file, text)).toHaveLength(1)
    for (const text of [
      "import { create } from '@bufbuild/protobuf'",
      "import { wordlist } from '@scure/bip39/wordlists/english.js'",
      "import { utf8 } from '../bytes.js'",
      '// A Buffer is a view.',
      'const a = new Uint8Array(options.process)',
    ])
      expect(of(file, text)).toEqual([])
    expect(of('services/protocol/node/x.ts', "import { hash } from 'node:crypto'")).toEqual([])
    expect(of('services/rpc/channel.ts', "import 'node:net'")).toHaveLength(1)
  })

  test('refuses default exports, computed imports and folders that the table does not know', () => {
    expect(of('services/rpc/x.ts', 'export default 1')).toHaveLength(1)
    expect(of('services/rpc/x.ts', 'await import(name)')).toHaveLength(1)
    expect(of('services/other/x.ts', "import { a } from './a.js'")).toHaveLength(1)
  })

  test('finds circles, through types too, and reads no comments', () => {
    const circle = new Map([
      ['services/rpc/a.ts', "import { b } from './b.js'"],
      ['services/rpc/b.ts', "import type { C } from './c.js'"],
      ['services/rpc/c.ts', "export * from './a.js'"],
    ])
    expect(cycles(circle)).toEqual([
      'services/rpc/a.ts -> services/rpc/b.ts -> services/rpc/c.ts -> services/rpc/a.ts',
    ])
    expect(cycles(new Map([...circle, ['services/rpc/c.ts', "// import './a.js'"]]))).toEqual([])
  })

  test('finds circles of rooms that are none of files, and takes a shared file for a room of its own', () => {
    const tree = "import { a } from './tree/a.js'"
    const around = (shared: string) =>
      new Map([
        ['services/endpoint/mls/join.ts', tree],
        ['services/endpoint/mls/tree/a.ts', `import { b } from '../${shared}.js'`],
        [`services/endpoint/mls/${shared}.ts`, ''],
      ])
    expect(circlesOfRooms(around('commit'))).toEqual([
      'services/endpoint/mls -> services/endpoint/mls/tree -> services/endpoint/mls',
    ])
    expect(circlesOfRooms(around('refused'))).toEqual([])
  })
})
