// Reads which file imports which, and holds it against the table of folders. Pure: files come as text.

import { posix } from 'node:path'

/** Sources by path from the top of the repository. */
export type Sources = ReadonlyMap<string, string>

/** Every room of the endpoint may name these: the words that all of it shares, which know nothing of any room. */
const SHARED = [
  'services/endpoint/codes',
  'services/endpoint/events.ts',
  'services/endpoint/ids.ts',
  'services/endpoint/crypto.ts',
  'services/endpoint/ports.ts',
]

const BELOW_MESSAGES = [
  'services/endpoint/groups',
  'services/endpoint/history',
  'services/endpoint/contacts',
  'services/endpoint/mls',
  'services/endpoint/vault',
  'services/protocol',
  'gen',
]

/** The engine over the rooms of an endpoint may name these, and so may what looks after all of it. */
const SYNC_BASE = [
  ...SHARED,
  ...BELOW_MESSAGES,
  'services/endpoint/context.ts',
  'services/endpoint/messages',
  'services/endpoint/line',
  'services/rpc',
]

/** Every folder of the server's stores may name these above them. */
const STORE_BASE = [
  'services/server/bytes.ts',
  'services/server/limits.ts',
  'services/protocol',
  'gen/parley/v1',
]

/** Every other inner folder of the server may name these. */
const SERVER_BASE = ['services/server/cluster.ts', 'services/server/store', 'services/rpc', ...STORE_BASE]

/** All of an endpoint that a client sees. */
const ENDPOINT_DOOR = 'services/endpoint/index.ts'

/** The rooms of the client may name these, and none of each other's. */
const CLIENT_BASE = [
  'services/client/exit.ts',
  'services/client/options.ts',
  'services/options',
  ENDPOINT_DOOR,
  'services/terminal',
  'services/protocol',
]

/** Besides its own files and what is below it, what a folder may import of ours: folders, or single files. */
export const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  'services/protocol': ['gen'],
  'services/protocol/identity': ['services/protocol', 'gen'],
  'services/protocol/invite': ['services/protocol', 'gen'],
  'services/protocol/conversation': ['services/protocol', 'gen'],
  'services/protocol/conversation/chain': ['services/protocol', 'gen'],
  'services/protocol/content': ['services/protocol', 'gen'],
  'services/protocol/log': ['services/protocol', 'gen'],
  'services/protocol/node': ['services/protocol'],
  'services/rpc': [],
  'services/rpc/codec': ['services/rpc'],
  'services/rpc/node': ['services/rpc'],
  'services/server': [
    'services/launch',
    'services/options',
    'services/protocol',
    'services/rpc',
    'gen/parley/v1',
  ],
  'services/server/config': [
    'services/options',
    'services/server/auth',
    'services/server/guard',
    ...SERVER_BASE,
  ],
  'services/server/guard': ['services/server/store/store.ts', ...STORE_BASE],
  'services/server/auth': ['services/server/guard', ...SERVER_BASE],
  'services/server/chat': ['services/server/auth', 'services/server/guard', ...SERVER_BASE],
  'services/server/admin': [
    'services/server/auth',
    'services/server/chat/frames.ts',
    'services/server/config',
    'services/server/guard',
    ...SERVER_BASE,
  ],
  'services/server/store': STORE_BASE,
  'services/server/store/memory': ['services/server/store', ...STORE_BASE],
  'services/server/store/sqlite': ['services/server/store', ...STORE_BASE],
  'services/server/store/sqlite/database': ['services/server/store', 'services/sqlite', ...STORE_BASE],
  'services/server/store/sqlite/accounts': [
    'services/server/store/sqlite/database',
    'services/server/store',
    ...STORE_BASE,
  ],
  'services/server/store/sqlite/log': [
    'services/server/store/sqlite/database',
    'services/server/store',
    ...STORE_BASE,
  ],
  'services/endpoint': ['services/protocol', 'services/rpc', 'gen'],
  'services/endpoint/codes': [
    'services/endpoint/ids.ts',
    'services/endpoint/mls/refused.ts',
    'services/rpc/error.ts',
  ],
  'services/endpoint/vault': [...SHARED, 'services/sqlite', 'gen/parley/vault/v1'],
  'services/endpoint/vault/records': [...SHARED, 'services/endpoint/vault/table.ts', 'gen/parley/vault/v1'],
  'services/endpoint/mls': ['services/protocol'],
  'services/endpoint/mls/commit': [
    'services/endpoint/mls/codec.ts',
    'services/endpoint/mls/context.ts',
    'services/endpoint/mls/extensions.ts',
    'services/endpoint/mls/key-package.ts',
    'services/endpoint/mls/library.ts',
    'services/endpoint/mls/members.ts',
    'services/endpoint/mls/primitives',
    'services/endpoint/mls/refused.ts',
    'services/endpoint/mls/state.ts',
    'services/endpoint/mls/tree',
    'services/endpoint/mls/unprotect.ts',
  ],
  'services/endpoint/mls/primitives': ['services/endpoint/mls/codec.ts', 'services/endpoint/mls/library.ts'],
  'services/endpoint/mls/tree': [
    'services/endpoint/mls/codec.ts',
    'services/endpoint/mls/context.ts',
    'services/endpoint/mls/library.ts',
    'services/endpoint/mls/members.ts',
    'services/endpoint/mls/refused.ts',
  ],
  'services/endpoint/contacts': [...SHARED, 'services/endpoint/vault', 'services/protocol', 'gen'],
  'services/endpoint/history': [...SHARED, 'services/endpoint/vault', 'services/protocol', 'gen'],
  'services/endpoint/groups': [
    ...SHARED,
    'services/endpoint/mls',
    'services/endpoint/vault',
    'services/protocol',
    'gen',
    'services/endpoint/contacts/account.ts',
  ],
  'services/endpoint/groups/state': [
    ...SHARED,
    'services/endpoint/mls',
    'services/endpoint/vault',
    'services/protocol/bytes.ts',
    'services/protocol/conversation',
    'services/protocol/identity/certificate.ts',
    'services/protocol/time.ts',
    'gen/parley/vault/v1',
  ],
  'services/endpoint/messages': [...SHARED, ...BELOW_MESSAGES, 'services/rpc/error.ts'],
  'services/endpoint/messages/sealing': [
    ...SHARED,
    ...BELOW_MESSAGES,
    'services/endpoint/messages/fork-detection.ts',
  ],
  // A type of content seals what it says, and knows of what is not there; those that receive and send know the types.
  'services/endpoint/messages/content': [
    ...SHARED,
    ...BELOW_MESSAGES,
    'services/endpoint/messages/missing.ts',
    'services/endpoint/messages/requests.ts',
    'services/endpoint/messages/sealing',
    'services/endpoint/messages/system-message.ts',
  ],
  'services/endpoint/messages/lists': [...SHARED, ...BELOW_MESSAGES, 'services/endpoint/messages/sealing'],
  'services/endpoint/messages/transfer': [...SHARED, ...BELOW_MESSAGES, 'services/endpoint/messages/sealing'],
  'services/endpoint/line': [...SHARED, 'services/protocol', 'services/rpc', 'gen/parley/v1'],
  'services/endpoint/sync': SYNC_BASE,
  'services/endpoint/sync/keys': [
    ...SYNC_BASE,
    'services/endpoint/sync/background.ts',
    'services/endpoint/sync/scheduler.ts',
  ],
  'services/endpoint/doctor': [...SYNC_BASE, 'services/endpoint/sync'],
  'services/launch': [],
  'services/options': [],
  'services/sqlite': [],
  'services/terminal': [],
  'services/client': [
    'services/launch',
    'services/options',
    ENDPOINT_DOOR,
    'services/terminal',
    'services/protocol',
    'services/rpc',
  ],
  'services/client/words': [
    'services/launch',
    'services/options',
    ENDPOINT_DOOR,
    'services/terminal',
    'services/protocol',
  ],
  'services/client/commands': ['services/client/words', ...CLIENT_BASE],
  'services/client/script': ['services/client/words', ...CLIENT_BASE],
  'services/client/start': ['services/client/words', ...CLIENT_BASE],
}

/** Packages that are one place's own, and the place: a file or a folder. */
const PLACES: Readonly<Record<string, string>> = {
  '@grpc/grpc-js': 'services/rpc/node',
  '@grpc/reflection': 'services/rpc/node',
  'grpc-health-check': 'services/rpc/node',
  'qrcode-generator': 'services/client/commands',
  'ts-mls': 'services/endpoint/mls/library.ts',
}

/** Folders that nothing outside imports from, but the `main.ts` that joins them to the rest. */
const BEHIND_A_DOOR = ['services/server/store/sqlite', 'services/server/store/memory']

/** The types inside the ciphertext: the server knows nothing of them. */
const SEALED = 'services/protocol/content'

/** Files and folders that run in a browser as they are, and the rooms in them that do not. */
const BROWSER = {
  runs: ['services/protocol', 'services/rpc/channel.ts', 'services/rpc/service.ts', 'services/rpc/error.ts'],
  butNot: ['services/protocol/node'],
  /** Those that run in a browser, too. */
  packages: ['@bufbuild/protobuf', '@scure/bip39'],
} as const

// A `main.ts` may join what the table keeps apart.
const JOINS = /^services\/[^/]+\/main\.ts$/

// The forms that a module can be named in. Statements begin a line: the formatter sees to that.
const IMPORTS = [
  /^(?:import|export)\b[^'"`;]*?\bfrom\s*(['"])([^'"]+)\1/gm,
  /^import\s*(['"])([^'"]+)\1/gm,
  /\bimport\(\s*(['"])([^'"]+)\1/g,
  /\brequire(?:\.resolve)?\(\s*(['"])([^'"]+)\1/g,
]
// The file of a thread. It is loaded apart, so it makes no circle, but it is bound by the table.
const THREADS = [/\bnew URL\(\s*(['"])(\.[^'"]+\.js)\1\s*,\s*import\.meta\.url/g]
const COMPUTED_IMPORT = /\bimport\((?!\s*['"])/
// Its starter names the module that checks credentials, because no function can be handed to a thread.
const MAY_COMPUTE = 'services/endpoint/mls/welcome-worker.ts'

/** The names that a file imports: imports of values and of types, static and dynamic, and files of threads. */
export function modulesNamed(text: string): string[] {
  return namedBy([...IMPORTS, ...THREADS], text)
}

function namedBy(forms: readonly RegExp[], text: string): string[] {
  const code = withoutComments(text)
  return forms.flatMap(form => Array.from(code.matchAll(form), match => match[2]!))
}

/** Everything that breaks the table, one sentence each. */
export function violations(sources: Sources): string[] {
  return [...sources].flatMap(([path, text]) => [
    ...(/^export default\b/m.test(text) ? [`${path} has a default export`] : []),
    ...(path !== MAY_COMPUTE && COMPUTED_IMPORT.test(withoutComments(text))
      ? [`${path} imports what only shows at run time`]
      : []),
    ...modulesNamed(text).flatMap(name => violation(path, name) ?? []),
    ...(runsInBrowser(path) ? nodeIn(path, text) : []),
  ])
}

/** Chains of files that import each other, each as `a -> b -> a`. */
export const cycles = (sources: Sources): string[] =>
  circlesIn([...sources.keys()], path => neighbours(sources, path))

/**
 * Chains of rooms that import each other. A room is a folder; a file that the table names by itself is a room of its
 * own, so that what a folder shares with those inside it makes no circle.
 */
export function circlesOfRooms(sources: Sources): string[] {
  const alone = new Set(
    Object.values(FOLDERS)
      .flat()
      .filter(name => name.endsWith('.ts')),
  )
  const room = (path: string) => (alone.has(path) ? path : posix.dirname(path))
  const arrows = new Map<string, Set<string>>()
  for (const path of sources.keys())
    for (const target of neighbours(sources, path)) {
      if (room(path) === room(target)) continue
      arrows.set(room(path), (arrows.get(room(path)) ?? new Set()).add(room(target)))
    }
  return circlesIn([...arrows.keys()], each => [...(arrows.get(each) ?? [])])
}

function circlesIn(nodes: readonly string[], next: (node: string) => readonly string[]): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (node: string, trail: readonly string[]) => {
    const begin = trail.indexOf(node)
    if (begin >= 0) found.push([...trail.slice(begin), node].join(' -> '))
    if (begin >= 0 || done.has(node)) return
    for (const other of next(node)) visit(other, [...trail, node])
    done.add(node)
  }
  for (const node of nodes) visit(node, [])
  return found
}

/** The package that a module's name is of; undefined for our own files and for Node's. */
export function packageOf(name: string): string | undefined {
  if (name.startsWith('.') || name.startsWith('node:')) return undefined
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/')
}

const isIn = (path: string, places: readonly string[]) =>
  places.some(place => path === place || path.startsWith(`${place}/`))

const runsInBrowser = (path: string) => isIn(path, BROWSER.runs) && !isIn(path, BROWSER.butNot)

// The names that Node puts into the global scope and browsers do not.
const NODE_GLOBALS =
  /(?<![.\w'-])(?:Buffer|NodeJS|process|global|require|setImmediate|clearImmediate|__dirname|__filename)(?![\w'-])/g

/** The parts of Node that a file needs that is to run in a browser. */
function nodeIn(path: string, text: string): string[] {
  const code = withoutComments(text)
  const named = modulesNamed(text).filter(name => {
    const itsPackage = packageOf(name)
    if (itsPackage) return !BROWSER.packages.some(each => each === itsPackage)
    return name.startsWith('node:') || isIn(resolved(path, name), BROWSER.butNot)
  })
  const globals = new Set(Array.from(code.matchAll(NODE_GLOBALS), ([name]) => name))
  return [...named, ...globals].map(what => `${path} is for browsers too and names ${what}`)
}

function violation(path: string, name: string): string | undefined {
  const itsPackage = packageOf(name)
  const place = itsPackage && PLACES[itsPackage]
  if (place && path !== place && !path.startsWith(`${place}/`))
    return `${path} imports ${itsPackage}, which is for ${place} alone`
  if (!name.startsWith('.') || JOINS.test(path)) return undefined
  const target = resolved(path, name)
  const folder = roomOf(path)
  if (!folder) return `${path} is in no folder of the table`
  const isBehind = (door: string) => target.startsWith(`${door}/`) && !path.startsWith(`${door}/`)
  if (BEHIND_A_DOOR.some(isBehind)) return `${path} imports ${target}, which only a main.ts joins`
  if (isIn(target, [SEALED]) && isIn(path, ['services/server']))
    return `${path} imports ${target}, which is inside the ciphertext`
  const allowed = [folder, ...FOLDERS[folder]!].some(each => target === each || target.startsWith(`${each}/`))
  return allowed ? undefined : `${path} imports ${target}`
}

/** The innermost folder of the table that a file is in. */
const roomOf = (path: string): string | undefined => FOLDERS[posix.dirname(path)] && posix.dirname(path)

/** The files that a file imports. */
function neighbours(sources: Sources, path: string): string[] {
  return namedBy(IMPORTS, sources.get(path) ?? '')
    .filter(name => name.startsWith('.'))
    .map(name => resolved(path, name))
    .filter(target => sources.has(target))
}

/** Compiled names end in .js; the sources in .ts. */
const resolved = (path: string, name: string) => posix.join(posix.dirname(path), name).replace(/\.js$/, '.ts')

/** Whole rows only: a "//" further along a row may stand in a string, and does no harm. */
const withoutComments = (text: string) => text.replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '')
