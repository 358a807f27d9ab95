// A person with two devices: linked by the 24 words, handed the history, revoked. All of them real processes.

import { describe, expect, test } from '@jest/globals'
import { PATIENCE_MS } from '../support/processes.js'
import { noTerminalBecause, startAtTerminal } from '../support/pseudo-terminal.js'
import { type Client, type World, withWorld } from '../support/world.js'

const COLUMNS = 100
const CTRL_C = '\x03'
const ENTER = '\r'

const connected = (client: Client) => client.event(({ type, state }) => type === 'line' && state === 'up')
const heard = (client: Client, text: string) =>
  client.event(event => event.type === 'message' && event.text === text)

async function wordsOf(world: World, data: string): Promise<string> {
  const { code, stdout } = await world.run('client/main.js', ['phrase', '--data', world.folder(data)])
  expect(code).toBe(0)
  expect(stdout.trim().split(' ')).toHaveLength(24)
  return stdout
}

const link = (world: World, address: string, { data, words }: { data: string; words: string }) =>
  world.run('client/main.js', ['link', address, '--handle', 'alice', '--data', world.folder(data)], {
    input: words,
  })

describe('a second device', () => {
  test(
    'is linked by the words, has the history, and takes part',
    async () => {
      await withWorld(async world => {
        const server = await world.server()
        const bob = world.client('bob', server.address, { args: ['--to', 'alice', '--follow'] })
        await connected(bob)
        const before = world.client('alice', server.address, { args: ['--to', 'bob', '--wait-delivered'] })
        before.write('said before\n')
        before.endInput()
        expect((await before.ended).code).toBe(0)

        const words = await wordsOf(world, 'alice')
        expect((await link(world, server.address, { data: 'phone', words })).code).toBe(0)
        const laptop = world.client('alice', undefined, { args: ['--to', 'bob', '--follow'] })
        const phone = world.client('alice', undefined, { data: 'phone', args: ['--to', 'bob', '--follow'] })
        await phone.event(
          event => event.type === 'event' && /line of history from your device/.test(event.text ?? ''),
        )
        bob.write('to both\n')
        await Promise.all([heard(laptop, 'to both'), heard(phone, 'to both')])
        phone.write('from the phone\n')
        await heard(bob, 'from the phone')
        expect(await heard(laptop, 'from the phone')).toMatchObject({ own: true, from: 'alice' })

        for (const client of [laptop, phone, bob]) await client.stop()
        const told = (await world.transcript('phone')).filter(({ type }) => type === 'message')
        expect(told.map(({ from, text }) => `${from}: ${text}`)).toEqual([
          'alice: said before',
          'bob: to both',
          'alice: from the phone',
        ])
        const output = [...laptop.stdout.all, ...phone.stdout.all, ...phone.stderr.all].join('\n')
        expect(output).not.toContain(words.trim())
      })
    },
    PATIENCE_MS,
  )

  test(
    'is not made from the words of somebody else, and leaves nothing behind',
    async () => {
      await withWorld(async world => {
        const server = await world.server()
        for (const handle of ['alice', 'bob']) {
          const client = world.client(handle, server.address, { args: ['--to', 'carol', '--follow'] })
          await connected(client)
          await client.stop()
        }
        const words = await wordsOf(world, 'bob')
        const wrong = await link(world, server.address, { data: 'phone', words })
        expect(wrong).toMatchObject({ code: 3, stdout: '' })
        expect(wrong.stderr).toMatch(/words are of another account/)
        const again = await link(world, server.address, { data: 'phone', words: 'not words at all' })
        expect(again).toMatchObject({ code: 2 })
        expect(again.stderr).toMatch(/has 24 words; these are 4/)
        const here = await link(world, server.address, { data: 'alice', words })
        expect(here.stderr).toMatch(/on this device already/)
      })
    },
    PATIENCE_MS,
  )
})

const left = noTerminalBecause()
const atTerminal = left ? test.skip : test

describe(`at a terminal${left ? ` (left out: ${left})` : ''}`, () => {
  atTerminal(
    'the words are shown once; a device is revoked by its number, and ends with code 3',
    async () => {
      await withWorld(async world => {
        const server = await world.server()
        const options = ['--data', world.folder('alice'), '--handle', 'alice', '--to', 'bob']
        const laptop = startAtTerminal('client/main.js', [server.address, ...options], COLUMNS)
        try {
          await laptop.shows(/your recovery phrase/)
          laptop.type(`/phrase${ENTER}`)
          await laptop.shows(/yes or no/)
          laptop.type(`no${ENTER}`)
          await laptop.shows(/not shown/)
          laptop.type(CTRL_C)
          expect(await laptop.ended).toBe(0)
        } finally {
          laptop.kill()
        }
        const words = await wordsOf(world, 'alice')
        expect((await link(world, server.address, { data: 'phone', words })).code).toBe(0)
        const phone = world.client('alice', undefined, { data: 'phone', args: ['--to', 'bob', '--follow'] })
        await connected(phone)
        const again = startAtTerminal('client/main.js', options, COLUMNS)
        try {
          const shown = await again.shows(/another device has joined/)
          expect(shown).not.toMatch(/your recovery phrase/)
          again.type(`/revoke 2${ENTER}`)
          await again.shows(/for good\? yes or no/)
          again.type(`yes${ENTER}`)
          await again.shows(/is revoked/)
        } finally {
          again.kill()
        }
        expect(await phone.ended).toEqual({ code: 3, signal: null })
        await phone.event(event => event.type === 'line' && event.reason === 'revoked')
      })
    },
    PATIENCE_MS,
  )
})
