// The official RFC 9420 test vectors, which are kept beside the repository and not in it.

import { existsSync, readFileSync } from 'node:fs'
import { test } from '@jest/globals'

/** From dist/tests/vectors: beside the repository. */
const FOLDER = new URL('../../../../shared/vectors/mls/', import.meta.url)

export const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
export const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')

/** One test for each vector of a file; where the file is not there, one skipped test that says so. */
export function testVectors<V>(
  file: string,
  run: (vector: V) => Promise<void>,
  nameOf: (vector: V, index: number) => string = (_vector, index) => `vector ${index}`,
): void {
  const path = new URL(file, FOLDER)
  if (!existsSync(path)) {
    test.skip(`${file}: left out, because ../shared/vectors/mls is not beside the repository`, () =>
      undefined)
    return
  }
  const vectors = JSON.parse(readFileSync(path, 'utf8')) as V[]
  for (const [index, vector] of vectors.entries())
    test(`${file}: ${nameOf(vector, index)}`, () => run(vector))
}
