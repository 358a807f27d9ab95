// Loaded before a program's main.js: puts what a test controls in the places of an endpoint, a vault or a relay, and that
// uses those.

import { registerHooks } from 'node:module'

const REPLACED = [
  ['/services/endpoint/local.js', 'local.js'],
  ['/services/endpoint/vault/vault.js', 'vault.js'],
  ['/services/server/relay.js', 'relay.js'],
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
