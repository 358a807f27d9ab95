// Loaded before a program (--import): writes the addresses of all modules that it has loaded, one a line, when it exits.

import { writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

const loaded = new Set<string>()

registerHooks({
  load(url, context, nextLoad) {
    loaded.add(url)
    return nextLoad(url, context)
  },
})

process.on('exit', () => {
  const file = process.env.TEST_LOADED_MODULES
  if (file) writeFileSync(file, [...loaded].join('\n'))
})
