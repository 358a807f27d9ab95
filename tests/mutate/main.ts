// npm run mutate -- services/protocol            a folder, with all that is below it
// npm run mutate -- services/server/store/rules.ts --workers 1
//
// Breaks one small thing after the other, and runs the unit tests of that room (of the next one above it, where it has
// none) against each. Prints how many of them a test has found, and what was not found, in the lines of the sources.
// Ends with 0 where it is enough.

import { existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path/posix'
import { parseArgs } from 'node:util'
import { stryker, TOP } from './stryker.js'
import { oneLine, type Result, resultOf, type Survivor } from './survivors.js'

/** The part of the mutants that tests must find, or that must be explained. */
const ENOUGH = 0.85
const LONGEST_TEXT = 100

const say = (text: string) => process.stdout.write(`${text}\n`)

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { workers: { type: 'string' } },
})
const place = positionals[0]?.replace(/\/$/, '')
if (place === undefined || !place.startsWith('services/') || positionals.length > 1)
  throw new Error('Name one folder or file: npm run mutate -- services/protocol')

const isFolder = statSync(TOP + place).isDirectory()
const room = roomOf((isFolder ? place : dirname(place)).replace(/^services\//, ''))
const report = await stryker({
  files: isFolder ? `dist/${place}/**/*.js` : `dist/${place.replace(/\.ts$/, '.js')}`,
  tests: `dist/tests/unit/${room}/**/*.test.js`,
  workers: values.workers === undefined ? undefined : Number(values.workers),
})
const result = resultOf(report)
print(place, result)
process.exitCode = share(result.found, result.of) >= ENOUGH ? 0 : 1

/** The folder itself, or the next one above it that has tests. */
function roomOf(folder: string): string {
  return existsSync(`${TOP}dist/tests/unit/${folder}`) ? folder : roomOf(dirname(folder))
}

function print(of: string, { found, of: all, survivors }: Result): void {
  const unexplained = survivors.filter(({ why }) => why === undefined)
  for (const survivor of unexplained) say(sentence(survivor))
  if (unexplained.length < survivors.length) say('\nexplained:')
  for (const survivor of survivors)
    if (survivor.why !== undefined) say(`${sentence(survivor)}\n    ${survivor.why}`)
  const unreached = survivors.filter(({ isReached }) => !isReached).length
  say(
    `\n${of}: ${found} of ${all} found, ${(100 * share(found, all)).toFixed(1)} %; ` +
      `${survivors.length} not, of which ${survivors.length - unexplained.length} are explained and ` +
      `${unreached} are in lines that no test reaches`,
  )
}

function sentence({ file, line, original, replacement, isReached }: Survivor): string {
  return `${file}:${line} ${isReached ? '' : '(not reached) '}${short(original)}  →  ${short(replacement)}`
}

function share(part: number, whole: number): number {
  return whole === 0 ? 1 : part / whole
}

function short(text: string): string {
  const line = oneLine(text)
  return line.length <= LONGEST_TEXT ? line : `${line.slice(0, LONGEST_TEXT)}...`
}
