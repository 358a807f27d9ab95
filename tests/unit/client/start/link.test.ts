// Linking a device in a pipe, on a real relay.

import { existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { readOptions } from '../../../../services/client/options.js'
import { joinFromPipe } from '../../../../services/client/start/link.js'
import type { Relay } from '../../../../services/server/relay.js'
import { type Person, RealTown } from '../../../support/real-town.js'

jest.setTimeout(60_000)

let town: RealTown
let server: Relay
let first: Person
let words: string
beforeEach(async () => {
  town = await RealTown.build()
  server = await town.server({ limits: { devicesPerAccount: 2 } })
  first = await town.join('alice', server, { folder: town.folder('first') })
  await first.line('up')
  words = first.endpoint.recoveryPhrase() ?? ''
})
afterEach(() => town.leave())

/** Links into a folder of this name. */
async function link(name: string, ...args: string[]): Promise<{ exit: string; notes: string[] }> {
  const address = `127.0.0.1:${server.port}`
  const request = readOptions(
    ['link', address, '--handle', 'alice', '--data', town.folder(name), '--yes', ...args],
    {},
  )
  if (request.kind !== 'run') throw new Error('these are no options to run with')
  const notes: string[] = []
  const exit = await joinFromPipe(request.options, 'link', {
    input: Readable.from([words]),
    note: (text: string) => void notes.push(text),
  })
  return { exit, notes }
}

const others = () => first.endpoint.devices().filter(({ isThis }) => !isThis)

test('at the limit of devices it says which there are, and ends the one that is named', async () => {
  expect(await link('second')).toEqual({ exit: 'done', notes: [] })
  await first.holds(() => others().length === 1)
  const [second] = others()
  const full = await link('third')
  expect(full.exit).toBe('stopped')
  expect(full.notes.join('\n')).toMatch(/has 2 devices already[\s\S]*--revoke NUMBER, or the fingerprint/)
  expect(full.notes.join('\n')).toContain(second!.fingerprint)
  const wrong = await link('third', '--revoke', '7')
  expect(wrong.notes.at(-1)).toBe('--revoke "7" is none of them: say its number or its fingerprint')
  expect(existsSync(town.folder('third/alice'))).toBe(false)

  expect(await link('third', '--revoke', second!.fingerprint)).toEqual({ exit: 'done', notes: [] })
  // The others hear of it end to end, as soon as the new device is used.
  const third = await town.open('alice', town.folder('third/alice'))
  third.endpoint.connect()
  await first.holds(() => others().some(({ isRevoked }) => isRevoked))
  expect(others().find(({ isRevoked }) => isRevoked)?.fingerprint).toBe(second!.fingerprint)
})

test('below the limit nothing is ended', async () => {
  expect(await link('second', '--revoke', '1')).toEqual({ exit: 'done', notes: [] })
  await first.holds(() => others().length === 1)
  expect(others()[0]?.isRevoked).toBe(false)
})
