// Reads which file imports which, and holds it against the table of folders. Pure: files come as text.

import { posix } from 'node:path'

/** Sources by path from the top of the repository. */
export type Sources = ReadonlyMap<string, string>

/** Besides its own folder, what a folder may import of ours. */
export const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  'services/rpc': [],
  'services/server': ['services/rpc', 'gen/parley/v1'],
  'services/endpoint': ['services/rpc', 'gen'],
  'services/terminal': [],
  'services/client': ['services/endpoint', 'services/terminal', 'services/rpc'],
}

/** Packages that are one place's own, and the place: a file or a folder. */
export const PLACES: Readonly<Record<string, string>> = {
  '@grpc/grpc-js': 'services/rpc',
  '@grpc/reflection': 'services/rpc',
  'grpc-health-check': 'services/rpc',
  'ts-mls': 'services/endpoint/mls/library.ts',
}

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

/** What a file names as a module: imports of values and of types, static and dynamic, and files of threads. */
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
  ])
}

/** Chains of files that import each other, each as `a -> b -> a`. */
export function cycles(sources: Sources): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]) => {
    const begin = trail.indexOf(path)
    if (begin >= 0) found.push([...trail.slice(begin), path].join(' -> '))
    if (begin >= 0 || done.has(path)) return
    for (const next of neighbours(sources, path)) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of sources.keys()) visit(path, [])
  return found
}

/** The package that a module's name is of; undefined for our own files and for Node's. */
export function packageOf(name: string): string | undefined {
  if (name.startsWith('.') || name.startsWith('node:')) return undefined
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/')
}

function violation(path: string, name: string): string | undefined {
  const itsPackage = packageOf(name)
  const place = itsPackage && PLACES[itsPackage]
  if (place && path !== place && !path.startsWith(`${place}/`))
    return `${path} imports ${itsPackage}, which is for ${place} alone`
  if (!name.startsWith('.') || JOINS.test(path)) return undefined
  const target = resolved(path, name)
  const folder = Object.keys(FOLDERS).find(each => path.startsWith(`${each}/`))
  if (!folder) return `${path} is in no folder of the table`
  const allowed = [folder, ...FOLDERS[folder]!].some(each => target.startsWith(`${each}/`))
  return allowed ? undefined : `${path} imports ${target}`
}

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
