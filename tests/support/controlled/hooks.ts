// Loaded before the client's main.js: puts a controlled endpoint and vault in the places of the real ones, which they use.

import { registerHooks } from 'node:module'

const REPLACED = [
  ['/services/endpoint/local.js', 'local.js'],
  ['/services/endpoint/vault/vault.js', 'vault.js'],
] as const
const HERE = new URL('.', import.meta.url).href

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    const replaced = REPLACED.find(([path]) => found.url.endsWith(path))
    if (!replaced || context.parentURL?.startsWith(HERE)) return found
    return { ...found, url: new URL(replaced[1], HERE).href }
  },
})
