// Trust in people, with real processes: a key that changed, invitations, the operator's bans.

import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { PATIENCE_MS } from '../support/processes.js'
import { noTerminalBecause, startAtTerminal } from '../support/pseudo-terminal.js'
import { type Client, type Server, type World, withWorld } from '../support/world.js'

const DONE = 0
const STOPPED = 3
const ENTER = '\r'
/** Wide enough for a QR code beside nothing, and for the commands that the notices name. */
const COLUMNS = 60

const left = noTerminalBecause()
const atTerminal = left ? test.skip : test

const connected = (client: Client) => client.event(({ type, state }) => type === 'line' && state === 'up')
const script = (
  world: World,
  address: string,
  input: string,
  args: readonly string[] = [],
  handle = 'alice',
) =>
  world.run(
    'client/main.js',
    [address, '--data', world.folder(handle), '--handle', handle, '--wait-delivered', ...args],
    { input },
  )

/** The store and the operator's keys are lost; the server's own key is not. */
function loseAll(world: World): void {
  const folder = world.folder('server')
  rmSync(join(folder, 'operator'), { recursive: true })
  for (const name of readdirSync(folder)) if (name.includes('.db')) rmSync(join(folder, name))
}

/**
 * A server whose operator has another key than when alice wrote to them first. It has another id, too, so alice lists her
 * devices there anew, for which it takes her words.
 */
async function serverBegunAnew(world: World): Promise<Server> {
  const before = await world.server({ console: 'on' })
  const phrase = `${world.folder('alice')}.words`
  const begun = await script(world, before.address, 'hello\n', ['--phrase-to', phrase])
  expect(begun).toMatchObject({ code: DONE })
  await before.stop()
  loseAll(world)
  const server = await world.server({ console: 'on', port: before.port })
  const recover = ['recover', '--data', world.folder('alice'), '--handle', 'alice', '--keep', 'all', '--yes']
  const recovered = await world.run('client/main.js', recover, { input: readFileSync(phrase, 'utf8') })
  expect(recovered).toMatchObject({ code: DONE })
  return server
}

describe('a key that changed', () => {
  test(
    'ends a script, until it is told to accept',
    async () => {
      await withWorld(async world => {
        const server = await serverBegunAnew(world)
        const refused = await script(world, server.address, 'secret\n')
        expect(refused).toMatchObject({ code: STOPPED, stdout: '' })
        expect(refused.stderr).toMatch(/operator has another key than before/)
        expect(refused.stderr).toMatch(/\/accept operator/)
        const warned = await script(world, server.address, 'go on\n', ['--key-change', 'warn'])
        expect(warned).toMatchObject({ code: DONE, stderr: expect.stringMatching(/it is accepted/) })
        await server.stdout.find(/alice: go on$/)
        expect(
          server.stdout.all.filter(line => /alice: /.test(line)).map(line => line.split(': ')[1]),
        ).toEqual(['secret', 'go on'])
      })
    },
    2 * PATIENCE_MS,
  )

  atTerminal(
    'is compared, accepted and marked by a person',
    async () => {
      await withWorld(async world => {
        const server = await serverBegunAnew(world)
        const alice = startAtTerminal(
          'client/main.js',
          [server.address, '--data', world.folder('alice')],
          COLUMNS,
        )
        try {
          await alice.shows(/^alice → operator( ✗)?>/m)
          alice.type(`secret${ENTER}`)
          await alice.shows(/another key than before[\s\S]*^alice → operator ✗>/m)
          alice.type(`/accept operator${ENTER}`)
          await server.stdout.find(/alice: secret$/)
          alice.type(`/verify operator${ENTER}`)
          const screen = await alice.shows(/█{37}[\s\S]*█{37}/)
          const [first] = /\d{5} \d{5} \d{5} \d{5}/.exec(screen) ?? ['none']
          server.write('/verify alice\n')
          await server.stdout.find(new RegExp(first))
          alice.type(`/verified operator${ENTER}`)
          await alice.shows(/^alice → operator ✔>/m)
          alice.type(`/who${ENTER}`)
          await alice.shows(/operator {2}here, .*, verified|verified$/m)
        } finally {
          alice.kill()
        }
      })
    },
    2 * PATIENCE_MS,
  )
})

describe('where new accounts need an invitation', () => {
  test(
    "the operator's link lets one in, once",
    async () => {
      await withWorld(async world => {
        const server = await world.server({ console: 'on', args: ['--registration', 'invite'] })
        const uninvited = await script(world, server.address, 'hello\n', [], 'bob')
        expect(uninvited).toMatchObject({
          code: STOPPED,
          stderr: expect.stringMatching(/by invitation only/),
        })
        server.write('/invite-link\n')
        const link = (await server.stdout.find(/[?&]t=/)).trim()
        expect(await script(world, link, 'hello\n')).toMatchObject({ code: DONE })
        const second = await script(world, link, 'hello\n', [], 'bob')
        expect(second).toMatchObject({ code: STOPPED, stderr: expect.stringMatching(/used already/) })
        expect(await script(world, link, 'me again\n')).toMatchObject({ code: DONE })
        await server.stdout.find(/alice: me again$/)
      })
    },
    2 * PATIENCE_MS,
  )
})

describe('the operator', () => {
  test(
    'blocks, bans and lets in again',
    async () => {
      await withWorld(async world => {
        const server = await world.server({ console: 'on' })
        const mallory = world.client('mallory', server.address, { args: ['--follow'] })
        await connected(mallory)
        mallory.write('hello\n')
        await server.stdout.find(/mallory: hello$/)
        server.write('/block mallory\n/who\n')
        await server.stdout.find(/mallory {2}blocked/)
        server.write('/ban mallory\n')
        await mallory.event(({ type, reason }) => type === 'line' && reason === 'banned')
        expect(await mallory.ended).toMatchObject({ code: STOPPED })
        server.write('/bans\n')
        await server.stdout.find(/mallory {2}since \d{4}-/)
        expect(await script(world, server.address, '', [], 'mallory')).toMatchObject({ code: STOPPED })
        server.write('/unban mallory\n/unblock mallory\n/bans\n')
        await server.stdout.find(/nobody is banned/)
        expect(await script(world, server.address, 'sorry\n', [], 'mallory')).toMatchObject({ code: DONE })
        await server.stdout.find(/mallory: sorry$/)
      })
    },
    2 * PATIENCE_MS,
  )
})
