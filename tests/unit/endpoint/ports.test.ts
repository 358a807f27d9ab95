import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'

/** The sources of the endpoint, seen from the compiled test. */
const ENDPOINT = fileURLToPath(new URL('../../../../services/endpoint/', import.meta.url))

/** The outside of the endpoint: time, chance, disks, networks, threads. */
const OUTSIDE = [
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /\bperformance\./,
  /\bset(?:Timeout|Interval|Immediate)\b/,
  /\bMath\.random\b/,
  /\brandom(?:Bytes|Int|UUID)\b/,
  /\bgetRandomValues\b/,
  /\bprocess\./,
  /rpc\/node/,
  /'node:(?!crypto')/,
]

/** The port's own implementations, and the rooms that do their own cryptography: a file or a folder, and why. */
const MAY: Readonly<Record<string, string>> = {
  'local.ts': 'joins the endpoint to this machine',
  'mls/welcome-opener.ts': 'is the welcome opener of this machine',
  'mls/welcome-worker.ts': 'is its thread',
  'mls/primitives': 'is the cryptography of MLS, by Node',
  'mls/context.ts': "has the system's clock where no other is given",
  vault: 'is the vault of this machine',
}

/** Comments speak of all these things. */
const codeOf = (text: string) => text.replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '')
const reachesOut = (text: string) => OUTSIDE.filter(form => form.test(codeOf(text)))
const mayReachOut = (path: string) =>
  Object.keys(MAY).some(each => path === each || path.startsWith(`${each}/`))

const sources = readdirSync(ENDPOINT, { recursive: true, encoding: 'utf8' }).filter(path =>
  path.endsWith('.ts'),
)

describe('an endpoint', () => {
  test('has everything of the outside from its ports', () => {
    const found = sources
      .filter(path => !mayReachOut(path))
      .flatMap(path => reachesOut(readFileSync(ENDPOINT + path, 'utf8')).map(form => `${path}: ${form}`))
    expect(found).toEqual([])
  })

  test.each(Object.keys(MAY))('%s still needs its permission', each => {
    const own = sources.filter(path => path === each || path.startsWith(`${each}/`))
    expect(own.some(path => reachesOut(readFileSync(ENDPOINT + path, 'utf8')).length > 0)).toBe(true)
  })
})

test.each([
  'const now = Date.now()',
  'setTimeout(() => undefined, 1)',
  "import { setTimeout as sleep } from 'node:timers/promises'",
  "import { Worker } from 'node:worker_threads'",
  "import { connect } from '../../rpc/node/client.js'",
  'const chance = Math.random()',
  'crypto.getRandomValues(bytes)',
  'if (process.env.HOME) return',
])('the check itself finds %s', text => {
  expect(reachesOut(text)).not.toEqual([])
})
