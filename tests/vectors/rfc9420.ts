// The official RFC 9420 test vectors: mls/README.md says where they are from.

import { readFileSync } from 'node:fs'
import { test } from '@jest/globals'
import { VECTORS } from './folder.js'

export const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
export const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')

/** One test for each vector of a file. A file that is missing or empty fails. */
export function testVectors<V>(
  file: string,
  run: (vector: V) => Promise<void>,
  nameOf: (vector: V, index: number) => string = (_vector, index) => `vector ${index}`,
): void {
  const vectors = JSON.parse(readFileSync(new URL(file, VECTORS), 'utf8')) as V[]
  if (vectors.length === 0) throw new Error(`${file} has no vector`)
  for (const [index, vector] of vectors.entries())
    test(`${file}: ${nameOf(vector, index)}`, () => run(vector))
}
