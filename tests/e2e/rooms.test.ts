// A room of people at terminals and a program in a pipe. All of them real processes.

import { describe, expect, test } from '@jest/globals'
import { PATIENCE_MS } from '../support/processes.js'
import { noTerminalBecause, startAtTerminal } from '../support/pseudo-terminal.js'
import { withWorld } from '../support/world.js'

const COLUMNS = 100
const ENTER = '\r'

const left = noTerminalBecause()
const atTerminal = left ? test.skip : test

describe(`a room${left ? ` (left out: ${left})` : ''}`, () => {
  atTerminal(
    'is made at a terminal; a program in a pipe that waited for it writes and reads there until it is removed',
    async () => {
      await withWorld(async world => {
        const server = await world.server()
        const bot = world.client('bot', server.address, { args: ['--to', '#ops', '--follow'] })
        bot.write('typed before the invitation\n')
        await bot.event(({ type, state }) => type === 'line' && state === 'up')
        const carol = world.client('carol', server.address, { args: ['--to', '#ops', '--follow'] })
        await carol.event(({ type, state }) => type === 'line' && state === 'up')
        const options = ['--data', world.folder('alice'), '--handle', 'alice']
        const alice = startAtTerminal('client/main.js', [server.address, ...options], COLUMNS)
        try {
          await alice.shows(/connected/)
          alice.type(`/room ops${ENTER}`)
          await alice.shows(/→ #ops>/)
          alice.type(`/invite bot carol nobody-here${ENTER}`)
          await alice.shows(/nobody-here was not added to #ops: nobody goes by this handle here/)
          await alice.shows(/typed before the invitation/)
          alice.type(`disk is full${ENTER}`)
          for (const client of [bot, carol])
            expect(await client.event(({ text }) => text === 'disk is full')).toMatchObject({
              from: 'alice',
              peer: '#ops',
            })
          alice.type(`/members${ENTER}`)
          await alice.shows(/alice, admin/)
          alice.type(`/remove bot${ENTER}`)
          await bot.event(({ type, text }) => type === 'event' && text === 'alice removed you')
          bot.write('too late\n')
          await bot.event(({ text }) => text === 'not sent: you are not in #ops any more')
          carol.write('on it\n')
          await alice.shows(/on it/)
          alice.type(`/leave${ENTER}`)
          await alice.shows(/you have left/)
          await carol.event(({ type, text }) => type === 'event' && text === 'alice left')
          await carol.event(
            ({ type, text }) => type === 'event' && text === 'carol is an admin now: the last one has left',
          )
        } finally {
          alice.kill()
        }
        bot.endInput()
        await bot.stop()
        await carol.stop()
      })
    },
    PATIENCE_MS,
  )
})
