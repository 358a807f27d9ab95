// The vectors of the contract are what the code makes. `PARLEY_WRITE_VECTORS=1 npm test -- vectors/contract` writes them anew.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import { CONTRACT_VECTORS } from './contract-vectors.js'
import { CONVERSATION_VECTORS } from './conversation-vectors.js'

/** Of the sources, seen from the compiled test. */
const FOLDER = fileURLToPath(new URL('../../../tests/vectors/contract/', import.meta.url))

test.each(Object.entries({ ...CONTRACT_VECTORS, ...CONVERSATION_VECTORS }))('%s', (name, make) => {
  const file = `${FOLDER}${name}.json`
  const made = make()
  if (process.env.PARLEY_WRITE_VECTORS) writeFileSync(file, `${JSON.stringify(made, undefined, 2)}\n`)
  expect(existsSync(file) && JSON.parse(readFileSync(file, 'utf8'))).toEqual(made)
})
