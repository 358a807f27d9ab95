// A comment says who does what: its sentences begin with the one that acts.

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import { withoutSubject } from '../support/comments.js'

/** This file, whose examples are no comments. */
const EXAMPLES = 'unit/comments.test.ts'

/** The top of the repository, seen from the compiled test. */
const TOP = fileURLToPath(new URL('../../../', import.meta.url))

test.each([
  ['services', '.ts'],
  ['tests', '.ts'],
  ['proto', '.proto'],
])('every sentence of a comment in %s has a subject', (folder, ending) => {
  const files = readdirSync(TOP + folder, { recursive: true, encoding: 'utf8' }).filter(
    path => path.endsWith(ending) && !path.endsWith(EXAMPLES),
  )
  // Or nothing below has looked at anything.
  expect(files.length).toBeGreaterThan(5)
  const found = files.flatMap(path =>
    withoutSubject(readFileSync(`${TOP}${folder}/${path}`, 'utf8')).map(sentence => `${path}: ${sentence}`),
  )
  expect(found).toEqual([])
})

test.each<[source: string, found: string[]]>([
  ['// Who hands it over.\n', ['Who hands it over']],
  ['/** Whoever has it. */\nconst a = 1', ['Whoever has it']],
  ['/**\n * What is saved, and\n * what is not.\n */', ['What is saved, and what is not']],
  ['// It ends.\n// Has it sent\n// again. Whose is it?', ['Has it sent again', 'Whose is it?']],
  ['const a = 1 // What it is.', ['What it is']],
  ['const a = { /* Whatever it is. */ b }', ['Whatever it is']],
  ['/* It ends. */ const a = 1\n// What is left.', ['What is left']],
  ['// It is saved\n// What it is', []],
  ['// The device that hands it over, what it has, and whose it is.', []],
  ["const a = 'no. What is this?'", []],
  ["const a = 'https://example.org/. Who is it?'", []],
  ['// Whatsoever.\nconst a = 1\nWhat', []],
])('the check finds in %j what it must, and nothing else', (source, found) => {
  expect(withoutSubject(source)).toEqual(found)
})
