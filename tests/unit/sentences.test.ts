// Below the client there are codes, and in the client the words are in one room.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import { namesOfClient, sentencesIn } from '../support/sentences.js'

const TOP = fileURLToPath(new URL('../../../', import.meta.url))
const PROJECT = `${TOP}tsconfig.json`
const within =
  (...folders: string[]) =>
  (file: string) =>
    folders.some(folder => file.startsWith(`${TOP}services/${folder}/`))

test('sentences for people are in client/words alone', () => {
  const found = sentencesIn(PROJECT, within('endpoint', 'protocol', 'client'))
  const isWords = within('client/words')
  expect(found.filter(({ file }) => !isWords(file))).toEqual([])
  // Or nothing above has looked at anything.
  expect(found.length).toBeGreaterThan(100)
})

test('no slash command, flag or environment variable is named below the client', () => {
  const found = namesOfClient(PROJECT, within('endpoint', 'protocol', 'client/words'))
  const isWords = within('client/words')
  expect(found.filter(({ file }) => !isWords(file))).toEqual([])
  expect(found.length).toBeGreaterThan(10)
})

const SENTENCES: [source: string, count: number][] = [
  ["const a = 'not sent'", 1],
  ['const a = "who are you?"', 1],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: It is a source.
  ['const a = `it is ${b}: ${c} ends it`', 1],
  ["say('you have left', 'it is over')", 2],
  ["throw new Refusal('you are not in it')", 1],
  ["const a = { text: 'it is full' }", 1],
  ["const a = 'word'", 0],
  ["const a = 'a-code'", 0],
  ["type A = 'not sent'", 0],
  ['// not sent\nconst a = 1', 0],
  ["throw new RangeError('a key has 32 bytes')", 0],
  ["const a = 'SELECT record FROM lock'", 0],
  ["const a = 'parley log tag'", 0],
  ["const a = { name: 'who', help: 'who is here' }", 0],
]
const NAMES: [source: string, count: number][] = [
  ["const a = 'that is you: /leave'", 1],
  ["const a = '/devices lists them'", 1],
  ["const a = 'start once with --accept-server'", 1],
  ["const a = 'PARLEY_PASSPHRASE'", 1],
  ["const a = '/parley.v1.ChatService/Chat'", 0],
  ["const a = 'a/b', c = 'x -- y'", 0],
]

test.each([
  ['sentences', sentencesIn, SENTENCES],
  ['what is named', namesOfClient, NAMES],
] as const)('the check itself finds %s where they are, and nowhere else', (_, look, cases) => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-sentences-'))
  try {
    for (const [at, [source]] of cases.entries()) writeFileSync(join(folder, `${at}.ts`), source)
    writeFileSync(join(folder, 'tsconfig.json'), '{ "compilerOptions": { "noLib": true } }')
    const found = look(join(folder, 'tsconfig.json'), file => file.startsWith(folder))
    const counted = cases.map(([source], at) => [
      source,
      found.filter(({ file }) => file === join(folder, `${at}.ts`)).length,
    ])
    expect(counted).toEqual(cases)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
