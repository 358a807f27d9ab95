// A person with two devices: linked by the 24 words, handed the history, revoked. All of them real processes.

import { readFileSync } from 'node:fs'
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

/** A client's first start writes its words to this file. */
const phraseTo = (world: World, data: string) => ['--phrase-to', `${world.folder(data)}.words`]
const wordsOf = (world: World, data: string): string => readFileSync(`${world.folder(data)}.words`, 'utf8')

interface Joining {
  data: string
  words: string
  args?: readonly string[]
}

const join = (
  world: World,
  action: 'link' | 'recover',
  address: string,
  { data, words, args = ['--yes'] }: Joining,
) =>
  world.run('client/main.js', [action, address, '--handle', 'alice', '--data', world.folder(data), ...args], {
    input: words,
  })
const link = (world: World, address: string, joining: Joining) => join(world, 'link', address, joining)

describe('a second device', () => {
  test(
    'is linked by the words, has the history after a yes, and takes part',
    async () => {
      await withWorld(async world => {
        const server = await world.server()
        const bob = world.client('bob', server.address, { args: ['--to', 'alice', '--follow'] })
        await connected(bob)
        const args = ['--to', 'bob', '--wait-delivered', ...phraseTo(world, 'alice')]
        const before = world.client('alice', server.address, { args })
        before.write('said before\n')
        before.endInput()
        expect((await before.ended).code).toBe(0)

        const words = wordsOf(world, 'alice')
        expect(words.trim().split(' ')).toHaveLength(24)
        const unseen = await link(world, server.address, { data: 'phone', words, args: [] })
        expect(unseen).toMatchObject({ code: 3, stdout: '' })
        expect(unseen.stderr).toMatch(/SHA256:[\s\S]*--yes/)
        expect((await link(world, server.address, { data: 'phone', words })).code).toBe(0)
        const follow = ['--to', 'bob', '--follow']
        const first = world.client('alice', undefined, { args: follow })
        const phone = world.client('alice', undefined, { data: 'phone', args: follow })
        await phone.event(event => event.type === 'notice' && event.code === 'history-awaited')
        const asked = await first.event(event => event.type === 'notice' && event.code === 'history-asked')
        await first.stop()
        const { fingerprint } = asked.data as { fingerprint: string }
        expect(asked.text).toContain(fingerprint)
        const laptop = world.client('alice', undefined, { args: [...follow, '--give-history', fingerprint] })
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
          const args = ['--to', 'carol', '--follow', ...phraseTo(world, handle)]
          const client = world.client(handle, server.address, { args })
          await connected(client)
          await client.stop()
        }
        const words = wordsOf(world, 'bob')
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

describe('an account that was taken over', () => {
  test(
    'is taken back with the words: the present device comes first, and whom the person keeps',
    async () => {
      await withWorld(async world => {
        const server = await world.server()
        const args = ['--to', 'bob', '--follow', ...phraseTo(world, 'alice')]
        const laptop = world.client('alice', server.address, { args })
        await connected(laptop)
        await laptop.stop()
        const words = wordsOf(world, 'alice')
        expect((await link(world, server.address, { data: 'phone', words })).code).toBe(0)
        // The phone cannot end the laptop, which stands ahead; with the words it takes its place.
        const unsaid = await join(world, 'recover', server.address, { data: 'phone', words })
        expect(unsaid.stderr).toMatch(/--keep/)
        const taken = await join(world, 'recover', server.address, {
          data: 'phone',
          words,
          args: ['--yes', '--keep', 'none'],
        })
        expect(taken).toMatchObject({ code: 0 })
        const ended = world.client('alice', undefined, { args: ['--to', 'bob', '--follow'] })
        expect(await ended.ended).toEqual({ code: 3, signal: null })
        await ended.event(event => event.type === 'line' && event.reason === 'revoked')
        const phone = world.client('alice', undefined, { data: 'phone', args: ['--to', 'bob', '--follow'] })
        await connected(phone)
        const back = await join(world, 'recover', server.address, {
          data: 'alice',
          words,
          args: ['--yes', '--keep', 'all'],
        })
        expect(back).toMatchObject({ code: 0 })
        await phone.stop()
      })
    },
    PATIENCE_MS,
  )
})

const left = noTerminalBecause()
const atTerminal = left ? test.skip : test

describe(`at a terminal${left ? ` (left out: ${left})` : ''}`, () => {
  atTerminal(
    'the words are shown once and kept until they are confirmed; a device is revoked, and ends with code 3',
    async () => {
      await withWorld(async world => {
        const server = await world.server()
        const options = ['--data', world.folder('alice'), '--handle', 'alice', '--to', 'bob']
        const laptop = startAtTerminal('client/main.js', [server.address, ...options], COLUMNS)
        try {
          await laptop.shows(/your recovery phrase/)
          laptop.type(`/phrase${ENTER}`)
          await laptop.shows(/to confirm that you have your words/)
          laptop.type(ENTER)
          await laptop.shows(/not confirmed/)
          laptop.type(CTRL_C)
          expect(await laptop.ended).toBe(0)
        } finally {
          laptop.kill()
        }
        const kept = await world.run('client/main.js', ['phrase', '--data', world.folder('alice')])
        const words = kept.stdout
        expect((await link(world, server.address, { data: 'phone', words })).code).toBe(0)
        const phone = world.client('alice', undefined, { data: 'phone', args: ['--to', 'bob', '--follow'] })
        await connected(phone)
        const again = startAtTerminal('client/main.js', options, COLUMNS)
        try {
          const shown = await again.shows(/kept on this device until you confirm/)
          expect(shown).not.toMatch(/your recovery phrase/)
          again.type(`/phrase${ENTER}`)
          const asked = await again.shows(/type words [\d, ]+\./)
          const places = /type words ([\d, ]+)\./.exec(asked)![1]!.split(', ').map(Number)
          const list = words.trim().split(' ')
          again.type(`${places.map(place => list[place - 1]).join(' ')}${ENTER}`)
          await again.shows(/the words are not kept on this device any more/)
          again.type(`/revoke 2${ENTER}`)
          await again.shows(/for good\? yes or no/)
          again.type(`yes${ENTER}`)
          await again.shows(/is revoked/)
          // The server is told after this is kept here: a client that is killed at once tells it at its next start.
          expect(await phone.ended).toEqual({ code: 3, signal: null })
        } finally {
          again.kill()
        }
        await phone.event(event => event.type === 'line' && event.reason === 'revoked')
        const gone = await world.run('client/main.js', ['phrase', '--data', world.folder('alice')])
        expect(gone).toMatchObject({ code: 2, stdout: '' })
      })
    },
    PATIENCE_MS,
  )

  atTerminal(
    'a device is linked after a yes to the list, which is asked for until it is given',
    async () => {
      await withWorld(async world => {
        const server = await world.server()
        const args = ['--to', 'bob', '--follow', ...phraseTo(world, 'alice')]
        await connected(world.client('alice', server.address, { args }))
        const phone = startAtTerminal(
          'client/main.js',
          ['link', server.address, '--data', world.folder('phone'), '--handle', 'alice', '--to', 'bob'],
          COLUMNS,
        )
        try {
          await phone.shows(/your 24 words/)
          phone.type(`${wordsOf(world, 'alice').trim()}${ENTER}`)
          await phone.shows(/your devices:\n +1\. .*\n +SHA256:[\s\S]*one reads along\. yes or no:/)
          phone.type(`y${ENTER}`)
          await phone.shows(/that is neither yes nor no\./)
          phone.type(`yes${ENTER}`)
          const shown = await phone.shows(/this device waits for your history/)
          expect(shown).not.toMatch(/error:|warning:|not connected/)
        } finally {
          phone.kill()
        }
      })
    },
    PATIENCE_MS,
  )
})
