// A place as a browser is: the language, a few globals of the web, and nothing of Node. Modules are loaded into it from
// the compiled files, as a browser's bundler would resolve them.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import vm from 'node:vm'

const CONDITIONS = ['browser', 'import', 'default']

/** A string, or strings by condition (Node's documentation, "Conditional exports"). */
type Target = string | { [condition: string]: Target }

export class BrowserContext {
  readonly #context = vm.createContext({
    TextEncoder,
    TextDecoder,
    URLSearchParams,
    crypto: { getRandomValues: crypto.getRandomValues.bind(crypto) },
  })
  /** By the path of the file. */
  readonly #modules = new Map<string, vm.SourceTextModule>()

  /** The value of a script of this text there. */
  evaluate(text: string): unknown {
    return vm.runInContext(text, this.#context)
  }

  /** Loads a compiled module with all that it imports. Throws for a module of Node's. */
  async load<T>(path: string): Promise<T> {
    const module = this.#module(path)
    if (module.status === 'unlinked')
      await module.link((name, from) => this.#module(resolved(name, from.identifier)))
    await module.evaluate()
    return module.namespace as T
  }

  /** The files that were loaded. */
  get files(): string[] {
    return [...this.#modules.keys()]
  }

  #module(path: string): vm.SourceTextModule {
    const known = this.#modules.get(path)
    if (known) return known
    const text = readFileSync(path, 'utf8')
    const module = new vm.SourceTextModule(text, { context: this.#context, identifier: path })
    this.#modules.set(path, module)
    return module
  }
}

function resolved(name: string, from: string): string {
  if (name.startsWith('.')) return join(dirname(from), name)
  if (name.startsWith('node:')) throw new Error(`${from} imports ${name}, which no browser has`)
  const parts = name.split('/')
  const itsPackage = parts.splice(0, name.startsWith('@') ? 2 : 1).join('/')
  const folder = packageFolder(itsPackage, dirname(from))
  const manifest: { exports?: Target; module?: string; main?: string } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  )
  const subpath = parts.length === 0 ? '.' : `./${parts.join('/')}`
  return join(folder, exported(manifest.exports ?? manifest.module ?? manifest.main, subpath))
}

/** The nearest one above, as Node looks for it. */
function packageFolder(name: string, from: string): string {
  const folder = join(from, 'node_modules', name)
  if (existsSync(folder)) return folder
  if (dirname(from) === from) throw new Error(`there is no package ${name}`)
  return packageFolder(name, dirname(from))
}

/** The file that a package exports under a subpath. */
function exported(exports: Target | undefined, subpath: string): string {
  const hasSubpaths = typeof exports === 'object' && Object.keys(exports).every(key => key.startsWith('.'))
  const file = chosen(hasSubpaths ? exports[subpath] : exports)
  if (file === undefined) throw new Error(`the package has no ${subpath} for browsers`)
  return file
}

function chosen(target: Target | undefined): string | undefined {
  if (typeof target !== 'object') return target
  const condition = CONDITIONS.find(each => each in target)
  return condition === undefined ? undefined : chosen(target[condition])
}
