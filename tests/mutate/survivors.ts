// A report in the lines of the sources.

import { readFileSync } from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { EXPLAINED, type Explained } from './explained.js'
import { type Mutant, type Report, TOP } from './stryker.js'

export interface Result {
  /** The tests have found so many of the mutants that ran. */
  found: number
  of: number
  survivors: Survivor[]
}

export interface Survivor {
  file: string
  line: number
  original: string
  replacement: string
  /** False where no test comes by. */
  isReached: boolean
  /** Why no test can find it, or none should. */
  why: string | undefined
}

export function resultOf(report: Report): Result {
  const result: Result = { found: 0, of: 0, survivors: [] }
  for (const [path, { source, mutants }] of Object.entries(report.files)) {
    const lineOf = linesOf(path)
    for (const mutant of mutants) {
      const isFound = mutant.status === 'Killed' || mutant.status === 'Timeout'
      const isLeft = mutant.status === 'Survived' || mutant.status === 'NoCoverage'
      if (isFound) result.found += 1
      if (isFound || isLeft) result.of += 1
      if (isLeft) result.survivors.push(survivor({ path, source, mutant, lineOf }))
    }
  }
  return result
}

interface Of {
  path: string
  source: string
  mutant: Mutant
  lineOf: (mutant: Mutant) => number
}

function survivor({ path, source, mutant, lineOf }: Of): Survivor {
  const file = path.replace(/^dist\//, '').replace(/\.js$/, '.ts')
  const original = textOf(source, mutant)
  const isIt = (each: Explained) =>
    file.endsWith(each.file) &&
    each.original === oneLine(original) &&
    each.replacement === oneLine(mutant.replacement)
  return {
    file,
    line: lineOf(mutant),
    original,
    replacement: mutant.replacement,
    isReached: mutant.status === 'Survived',
    why: EXPLAINED.find(isIt)?.why,
  }
}

/** From a mutant to the line of the source, by the map that the compiler wrote. */
function linesOf(path: string): (mutant: Mutant) => number {
  const payload = JSON.parse(readFileSync(`${TOP}${path}.map`, 'utf8')) as SourceMapPayload
  const map = new SourceMap(payload)
  return ({ location: { start } }) => {
    const entry = map.findEntry(start.line - 1, start.column - 1)
    return 'originalLine' in entry ? entry.originalLine + 1 : 0
  }
}

function textOf(source: string, { location: { start, end } }: Mutant): string {
  const lines = source.split('\n').slice(start.line - 1, end.line)
  lines[lines.length - 1] = lines.at(-1)!.slice(0, end.column - 1)
  lines[0] = lines[0]!.slice(start.column - 1)
  return lines.join('\n')
}

/** As it is printed, whatever lines it is in. */
export const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ')
