import { expect } from '@jest/globals'
import type { Finished } from './world.js'

/** An error is for a person: the exit code, words that say what to do, one line, and no trace of the program. */
export function expectError(
  { code, stdout, stderr }: Finished,
  expected: { code: number; says: readonly RegExp[]; lines?: number },
): void {
  for (const words of expected.says) expect(stderr).toMatch(words)
  expectNoTrace(`${stdout}${stderr}`)
  expect(stderr.trimEnd().split('\n')).toHaveLength(expected.lines ?? 1)
  expect(code).toBe(expected.code)
}

/** Nothing in it is for a developer. */
export function expectNoTrace(text: string): void {
  expect(text).not.toMatch(/^\s+at .*:\d+|node:internal|\bError:|a defect|undefined|\[object/m)
}
