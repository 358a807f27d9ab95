// Makes tests/vectors/mls out of a checkout of mlswg/mls-implementations, as mls/README.md says:
//   node dist/tests/vectors/reduce.js ../mls-implementations

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { VECTORS } from './folder.js'

/** Suites 1 and 3: X25519 and Ed25519, with AES-128-GCM or ChaCha20-Poly1305. */
const SUITES_BY_FILE: Readonly<Record<string, readonly number[]>> = {
  'crypto-basics.json': [1, 3],
  'key-schedule.json': [1, 3],
  'message-protection.json': [1, 3],
  'secret-tree.json': [1, 3],
  'welcome.json': [1, 3],
  // The big ones are about trees and commits, which no cipher changes.
  'passive-client-handling-commit.json': [1],
  'passive-client-welcome.json': [1],
  'tree-validation.json': [1],
  'treekem.json': [1],
}

/** The cases of some suites, unchanged, each on a line of its own, so that a difference shows which case it is. */
function reduced(text: string, suites: readonly number[]): string {
  const cases = JSON.parse(text) as { cipher_suite: number }[]
  const lines = cases.filter(each => suites.includes(each.cipher_suite)).map(each => JSON.stringify(each))
  return `[\n${lines.join(',\n')}\n]\n`
}

const checkout = process.argv[2]
if (checkout === undefined) throw new Error('Name the folder of mls-implementations.')
for (const [file, suites] of Object.entries(SUITES_BY_FILE))
  writeFileSync(
    new URL(file, VECTORS),
    reduced(readFileSync(join(checkout, 'test-vectors', file), 'utf8'), suites),
  )
