// A thousand lines of every kind through two clients and back: what arrives is what was piped in, byte for byte.

import { describe, expect, test } from '@jest/globals'
import { PATIENCE_MS } from '../support/processes.js'
import { type Client, type ClientEvent, type World, withWorld } from '../support/world.js'

const LINES = 1000
const LONG_BYTES = 60 * 1024
/** One line in so many is a long one. */
const LONG_EVERY = 50

/** Lines that text often breaks at: in a terminal, in a shell, in a command, in a decoder. */
const KINDS: readonly ((at: number) => string)[] = [
  at => `a plain line, number ${at}`,
  () => '',
  () => ' ',
  at => `  blanks before and behind ${at}  `,
  at => `emoji 🙂🚀 ${at} 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇨🇭`,
  at => `שלום עולם ${at} مرحبا بالعالم \u202eback to front\u202c`,
  at => `combining e\u0301 o\u0308 Z\u0351\u0343\u036b\u0302 ${at}`,
  at => `\ttabs\there\tand ${at}\t`,
  at => `control \u0000\u0001\u0007\b\u000b\f\u001b[31mred\u001b[0m\u007f\u0085 ${at}`,
  at => `a carriage return \r in the middle of ${at}, and at the end\r`,
  at => `separators \u2028 and \u2029 and \ufeff and \u200b in ${at}`,
  at => `/quit is text here ${at}`,
  () => '//',
  () => '/',
  at => `@bob and so is this ${at}`,
  () => '@',
  at => `日本語の全角文字 ${at} 한국어`,
  at => `"quoted" \\n 'and' $HOME \`escaped\` ${at} {"json":true}`,
  at => `noncharacters \uffff and beyond the first plane \u{10ffff} ${at}`,
]

const lineOf = (at: number): string => {
  if (at % LONG_EVERY !== 0) return KINDS[at % KINDS.length]!(at)
  const unit = at % (2 * LONG_EVERY) === 0 ? 'long ' : 'länger 🙂 '
  return unit.repeat(Math.floor(LONG_BYTES / Buffer.byteLength(unit)))
}

const isArrival = ({ type, own }: ClientEvent) => type === 'message' && own === false

/** Resolves when so many messages of the other side have arrived. */
function arrivals(client: Client, count: number): Promise<string[]> {
  const texts: string[] = []
  return new Promise(resolve => {
    client.onEvent(event => {
      if (!isArrival(event)) return
      texts.push(event.text!)
      if (texts.length === count) resolve(texts)
    })
  })
}

async function transcriptsAgree(world: World, texts: readonly string[]): Promise<void> {
  const [alice, bob] = [await world.transcript('alice'), await world.transcript('bob')]
  expect(alice.map(({ text }) => text)).toEqual([...texts, ...texts])
  const order = (entries: typeof alice) =>
    entries.map(({ sequence, from, text }) => ({ sequence, from, text }))
  expect(order(bob)).toEqual(order(alice))
  expect(new Set([...alice, ...bob].map(({ own, state }) => `${own} ${state}`))).toEqual(
    new Set(['true delivered', 'false received']),
  )
}

describe('a thousand lines of mixed text', () => {
  test(
    'arrive as they were piped in, and come back so',
    async () => {
      const texts = Array.from({ length: LINES }, (_, at) => lineOf(at))
      const input = texts.map(text => `${text}\n`).join('')
      expect(new Set(texts).size).toBeGreaterThan(LINES / 2)

      await withWorld(async world => {
        const server = await world.server()
        const there = world.client('bob', server.address, { args: ['--to', 'alice', '--follow'] })
        const atBob = arrivals(there, LINES)
        const sender = world.client('alice', server.address, { args: ['--to', 'bob', '--wait-delivered'] })
        sender.write(input)
        sender.endInput()
        expect(await atBob).toEqual(texts)
        expect(await sender.ended).toEqual({ code: 0, signal: null })
        expect(await there.stop()).toEqual({ code: 0, signal: null })

        const listener = world.client('alice', undefined, { args: ['--to', 'bob', '--follow'] })
        const atAlice = arrivals(listener, LINES)
        const back = world.client('bob', undefined, { args: ['--to', 'alice', '--wait-delivered'] })
        // The pipe gives back what arrived, not what was sent.
        back.write((await atBob).map(text => `${text}\n`).join(''))
        back.endInput()
        expect(await atAlice).toEqual(texts)
        expect(await back.ended).toEqual({ code: 0, signal: null })
        await listener.stop()
        await transcriptsAgree(world, texts)
      })
    },
    2 * PATIENCE_MS,
  )

  test(
    'bytes that are no UTF-8, and a last line without its end, are sent as a decoder shows them',
    async () => {
      await withWorld(async world => {
        const server = await world.server()
        const bob = world.client('bob', server.address, { args: ['--to', 'alice', '--follow'] })
        const heard = arrivals(bob, 3)
        const alice = world.client('alice', server.address, { args: ['--to', 'bob', '--wait-delivered'] })
        alice.write(Buffer.from([0x61, 0xff, 0x62, 0x0a, 0xc3, 0x28, 0x0a]))
        alice.write('no newline')
        alice.endInput()
        expect(await heard).toEqual(['a\ufffdb', '\ufffd(', 'no newline'])
        expect((await alice.ended).code).toBe(0)
      })
    },
    PATIENCE_MS,
  )
})
