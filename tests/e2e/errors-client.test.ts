// A client's answers to bad input and bad luck: one line, what to do, an exit code, and nothing is lost.

import { rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from '@jest/globals'
import { expectError, expectNoTrace } from '../support/plain-errors.js'
import { PATIENCE_MS, type StartOptions } from '../support/processes.js'
import { steadyPort, type World, withWorld } from '../support/world.js'

/** README, "Exit codes". */
const EXIT = { done: 0, failed: 1, usage: 2, stopped: 3, timeout: 4, unsent: 5 } as const
const LIMIT_BYTES = 64 * 1024

interface Run extends StartOptions {
  input?: string
  args?: readonly string[]
}

/** A client in a pipe, for a person: `alice` unless said otherwise, with her own folder. */
const client = (
  world: World,
  address: string | undefined,
  { args = [], ...run }: Run = {},
  handle = 'alice',
) => {
  const target = address === undefined ? [] : [address]
  return world.run(
    'client/main.js',
    [...target, '--data', world.folder(handle), '--handle', handle, ...args],
    run,
  )
}

/** Sends one line to the operator, which makes the account and pins the server. */
async function introduce(world: World, address: string, run: Run = {}): Promise<void> {
  expect(await client(world, address, { input: 'hello\n', ...run })).toMatchObject({ code: EXIT.done })
}

const vaultOf = (world: World) => join(world.folder('alice'), 'alice', 'vault.db')

describe('a client says what is wrong', () => {
  test.each([
    ['a port over 65535', ['localhost:99999'], [/65535/]],
    [
      'an invite link that is cut off',
      ['parley://localhost:5000/?s=uBySsL-_MgkptykI'],
      [/cut off or mistyped/],
    ],
    ['an invite link without its fingerprint', ['parley://localhost:5000/'], [/Was it cut off/]],
    ['a handle that is too long', ['--handle', 'a'.repeat(33)], [/--handle/, /32/]],
    ['a handle with odd characters', ['--handle', 'Älice!'], [/--handle/, /a-z/]],
    ['an unknown option', ['--jsno'], [/jsno/, /--help/]],
    ['a time that is none', ['--timeout', 'soon'], [/--timeout/, /seconds/]],
    ['a fingerprint that is none', ['--accept-server', 'SHA256:abc'], [/--accept-server/, /43 characters/]],
  ])(
    'with %s',
    async (_, args, says) => {
      await withWorld(async world => {
        const ended = await world.run('client/main.js', ['--data', world.folder('alice'), ...args])
        expectError(ended, { code: EXIT.usage, says })
      })
    },
    PATIENCE_MS,
  )

  test(
    'with a handle that is taken, or kept for the operator',
    async () => {
      await withWorld(async world => {
        const server = await world.server({ console: 'on' })
        await introduce(world, server.address)
        const data = ['--data', world.folder('other')]
        const taken = await client(world, server.address, { args: data, input: 'me too\n' })
        expect(taken.stderr).toMatch(/"alice" belongs to somebody else/)
        const reserved = await client(world, server.address, { args: data }, 'operator')
        expect(reserved.stderr).toMatch(/"operator" is kept for the server's operator/)
        for (const ended of [taken, reserved]) {
          expect(ended.code).toBe(EXIT.stopped)
          expectNoTrace(ended.stdout + ended.stderr)
        }
      })
    },
    PATIENCE_MS,
  )

  test(
    'with a server that is not there: it keeps trying, and gives up when told to',
    async () => {
      await withWorld(async world => {
        const address = `127.0.0.1:${await steadyPort()}`
        const input = 'for later\n'
        const ended = await client(world, address, { args: ['--to', 'bob', '--timeout', '2'], input })
        expect(ended.stderr).toMatch(/nothing listens there: is the server running/)
        expect(ended.stderr.match(/nothing listens there/g)?.length).toBeGreaterThan(1)
        expectNoTrace(ended.stdout + ended.stderr)
        expect(ended.code).toBe(EXIT.timeout)
        // Nothing is lost by it.
        expect(await world.transcript('alice')).toMatchObject([{ text: 'for later', state: 'waiting' }])
      })
    },
    PATIENCE_MS,
  )

  test(
    'with something else than a server',
    async () => {
      await withWorld(async world => {
        const other = createServer(socket => {
          socket.on('error', () => undefined)
          socket.end('220 mail.example ESMTP\r\n', () => socket.destroy())
        })
        await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
        const place = other.address()
        const address = `127.0.0.1:${typeof place === 'object' && place ? place.port : 0}`
        const ended = await client(world, address, { args: ['--to', 'bob', '--timeout', '1'], input: 'x\n' })
        expect(ended.stderr).toMatch(/does not speak TLS/)
        expectNoTrace(ended.stdout + ended.stderr)
        expect(ended.code).toBe(EXIT.timeout)
        await new Promise(resolve => other.close(resolve))
      })
    },
    PATIENCE_MS,
  )

  test(
    'with a server that shows another key, which a person may accept',
    async () => {
      await withWorld(async world => {
        const port = await steadyPort()
        const first = await world.server({ port, console: 'on' })
        await introduce(world, first.address)
        await first.stop()
        for (const name of ['tls-key.pem', 'tls-cert.pem']) rmSync(join(world.folder('server'), name))
        const second = await world.server({ port, console: 'on' })
        expect(second.fingerprint).not.toBe(first.fingerprint)

        const refused = await client(world, undefined, { input: 'is it you?\n' })
        expect(refused.stderr).toContain(`pinned: ${first.fingerprint}`)
        expect(refused.stderr).toContain(`now:    ${second.fingerprint}`)
        expect(refused.stderr).toMatch(/--accept-server/)
        expectNoTrace(refused.stdout + refused.stderr)
        expect(refused.code).toBe(EXIT.stopped)
        const args = ['--accept-server', second.fingerprint]
        expect(await client(world, undefined, { args, input: 'now I know\n' })).toMatchObject({
          code: EXIT.done,
        })
        expect(await client(world, undefined, { input: 'and again\n' })).toMatchObject({ code: EXIT.done })
        await second.stdout.find(/alice: and again/)
      })
    },
    PATIENCE_MS,
  )

  test(
    'with an invite link for another server',
    async () => {
      await withWorld(async world => {
        const meant = await world.server({ data: 'meant' })
        const other = await world.server({ data: 'other' })
        const link = meant.invite.replace(`:${meant.port}/`, `:${other.port}/`)
        const ended = await client(world, link, { args: ['--to', 'bob'], input: 'x\n' })
        expect(ended.stderr).toContain(`invited to: ${meant.fingerprint}`)
        expect(ended.stderr).toContain(`answered:   ${other.fingerprint}`)
        expectNoTrace(ended.stdout + ended.stderr)
        expect(ended.code).toBe(EXIT.stopped)
      })
    },
    PATIENCE_MS,
  )

  test(
    'with a wrong passphrase, or none where one is needed',
    async () => {
      await withWorld(async world => {
        const server = await world.server({ console: 'on' })
        const env = { PARLEY_PASSPHRASE: 'open sesame' }
        await introduce(world, server.address, { env })
        const wrong = await client(world, undefined, { env: { PARLEY_PASSPHRASE: 'open barley' } })
        expectError(wrong, { code: EXIT.failed, says: [/passphrase is wrong/] })
        const none = await client(world, undefined)
        expectError(none, { code: EXIT.failed, says: [/passphrase/i, /PARLEY_PASSPHRASE/] })
        expect(wrong.stderr + none.stderr).not.toMatch(/sesame|barley/)
        await introduce(world, server.address, { env })
      })
    },
    PATIENCE_MS,
  )

  test(
    'with a vault that is used, newer, damaged, or not writable',
    async () => {
      await withWorld(async world => {
        const server = await world.server({ console: 'on' })
        const user = world.client('alice', server.address, { args: ['--follow'] })
        await user.event(({ type, state }) => type === 'line' && state === 'up')
        expectError(await client(world, undefined), {
          code: EXIT.failed,
          says: [/in use by another process/],
        })
        await user.stop()

        const database = new DatabaseSync(vaultOf(world))
        database.exec('PRAGMA user_version = 999')
        database.close()
        expectError(await client(world, undefined), { code: EXIT.failed, says: [/newer version/, /Update/] })
        truncateSync(vaultOf(world), 5000)
        expectError(await client(world, undefined), { code: EXIT.failed, says: [/is damaged/, /backup/] })
        writeFileSync(world.folder('bob'), 'a file where the folder should be')
        const blocked = await client(world, server.address, {}, 'bob')
        expectError(blocked, {
          code: EXIT.failed,
          says: [/Cannot read and write|not writable/, /permissions/],
        })
      })
    },
    PATIENCE_MS,
  )

  test(
    'with a message over the limit: the others are sent',
    async () => {
      await withWorld(async world => {
        const server = await world.server({ console: 'on' })
        const input = `before\n${'x'.repeat(LIMIT_BYTES + 1)}\n${'y'.repeat(LIMIT_BYTES)}\nafter\n`
        const ended = await client(world, server.address, { input })
        expect(ended.stderr).toMatch(/not sent: the message is 65537 bytes long; the limit is 65536 bytes/)
        expectNoTrace(ended.stdout + ended.stderr)
        expect(ended.code).toBe(EXIT.unsent)
        await server.stdout.find(/alice: after$/)
        const texts = (await world.transcript('alice')).map(({ text }) => text)
        expect(texts).toEqual(['before', 'y'.repeat(LIMIT_BYTES), 'after'])
      })
    },
    PATIENCE_MS,
  )

  test.each([
    ['ahead of', 3600_000],
    ['behind', -3600_000],
  ])(
    'with a clock that is %s the server',
    async (words, shiftMs) => {
      await withWorld(async world => {
        const server = await world.server({ console: 'on' })
        const run = {
          imports: ['shifted-clock.js'],
          env: { TEST_CLOCK_SHIFT_MS: String(shiftMs) },
          args: ['--to', 'operator', '--timeout', '2'],
          input: 'what time is it?\n',
        }
        const ended = await client(world, server.address, run)
        expect(ended.stderr).toMatch(new RegExp(`clock is 60 min ${words} the server's .*: set it`))
        expectNoTrace(ended.stdout + ended.stderr)
        expect(ended.code).toBe(EXIT.timeout)
        expect((await client(world, undefined)).code).toBe(EXIT.done)
        await server.stdout.find(/alice: what time is it\?/)
      })
    },
    PATIENCE_MS,
  )
})

describe('a client that is told to end', () => {
  test(
    'says by its code whether something is left to be sent',
    async () => {
      await withWorld(async world => {
        const server = await world.server()
        const settled = world.client('alice', server.address, { args: ['--to', 'alice-away', '--follow'] })
        await settled.event(({ type, state }) => type === 'line' && state === 'up')
        expect(await settled.stop('SIGTERM')).toMatchObject({ code: EXIT.done })
        await server.stop('SIGKILL')
        const waiting = world.client('alice', undefined, { args: ['--to', 'alice-away'] })
        waiting.write('too late for today\n')
        await waiting.event(
          ({ type, own, state }) => type === 'message' && own === true && state === 'waiting',
        )
        expect(await waiting.stop('SIGTERM')).toMatchObject({ code: EXIT.timeout })
      })
    },
    2 * PATIENCE_MS,
  )
})

describe('a server whose disk is full', () => {
  test(
    'takes nothing and says why; with room again everything arrives',
    async () => {
      await withWorld(async world => {
        const port = await steadyPort()
        const small = await world.server({ port, args: ['--max-storage-mb', '1'] })
        const bob = world.client('bob', small.address, { args: ['--to', 'alice'] })
        bob.write('here\n')
        const texts = Array.from({ length: 40 }, (_, at) => `${at} ${'z'.repeat(60_000)}`)
        const alice = world.client('alice', small.address, { args: ['--to', 'bob', '--wait-delivered'] })
        await bob.event(({ type, state }) => type === 'state' && state === 'delivered')
        bob.endInput()
        await bob.ended
        alice.write(texts.map(text => `${text}\n`).join(''))
        alice.endInput()
        await alice.event(({ type, text }) => type === 'notice' && /disk is full/.test(text ?? ''))
        await small.stop()

        await world.server({ port, args: ['--max-storage-mb', '100'] })
        const back = world.client('bob', undefined, { args: ['--to', 'alice', '--follow'] })
        expect(await alice.ended).toEqual({ code: EXIT.done, signal: null })
        await back.stop()
        const heard = (await world.transcript('bob')).filter(({ own }) => !own).map(({ text }) => text)
        expect(heard).toEqual(texts)
      })
    },
    2 * PATIENCE_MS,
  )
})
