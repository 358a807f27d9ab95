// The package as npm installs it somewhere else: its programs, and a conversation of two through its door.

import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, jest, test } from '@jest/globals'
import { exampleOf, installPacked, runInstalled, TOP } from '../support/package.js'
import { killAll, startCommand } from '../support/processes.js'

jest.setTimeout(120_000)

const home = await mkdtemp(join(tmpdir(), 'parley-package-'))
const installed = await installPacked(join(home, 'elsewhere'))
afterAll(async () => {
  await killAll()
  await rm(home, { recursive: true, force: true })
})

if (typeof installed === 'string') test.skip(`the packed package: ${installed}`, () => undefined)
else
  describe('the packed package', () => {
    const run = (name: string, ...args: string[]) => runInstalled(installed, installed.program(name), ...args)

    test('has its programs, which say nothing that they are not asked for', async () => {
      expect(await run('parley', '--version')).toEqual({
        stdout: expect.stringMatching(/^parley client \d/),
        stderr: '',
      })
      const help = await run('parley', '--help')
      expect(help).toEqual({ stdout: expect.stringMatching(/^Usage: parley \[ADDRESS\]/m), stderr: '' })
      expect(await run('parley-server', '--help')).toEqual({
        stdout: expect.stringMatching(/^Usage: parley-server \[options\]/m),
        stderr: '',
      })
    })

    test('carries a conversation of two, as the README has it', async () => {
      const example = await exampleOf('From a program')
      expect(example.trimEnd().split('\n').length).toBeLessThanOrEqual(20)
      const server = startCommand(installed.program('parley-server'), [
        ...['--host', '127.0.0.1', '--port', '0', '--console', 'off'],
        ...['--data', join(home, 'server')],
      ])
      const listening = /Listening on (127\.0\.0\.1:\d+)/
      const address = listening.exec(await server.stdout.find(listening))![1]!
      const file = join(installed.folder, 'example.js')
      await writeFile(file, example)
      const { stdout, stderr } = await runInstalled(installed, process.execPath, file, address)
      // Node's own word on node:sqlite.
      expect(stderr).toMatch(/^(\(node:\d+\) ExperimentalWarning: SQLite.*\n\(Use .*\n)?$/)
      expect(stdout).toBe('alice: Is this line private?\nalice: Is this line private?\nbob: It is.\n')
      await server.stop()
    })

    test('has types for all that it lets a program have', async () => {
      const file = join(installed.folder, 'typed.ts')
      const types = `import type { EndpointEvent, Notice, RefusalCause } from 'parley'
import { Parley, Refusal } from 'parley'
export const codesOf = (event: EndpointEvent): Notice['code'] | undefined =>
  event.type === 'notice' ? event.notice.code : undefined
export const why = (error: unknown): RefusalCause | undefined => (error instanceof Refusal ? error.why : undefined)
export const phrase = async (): Promise<string | undefined> =>
  (await Parley.open({ folder: 'x', handle: 'x', server: 'x' })).endpoint.recoveryPhrase()
// @ts-expect-error There is no such code.
export const none: Notice = { code: 'none' }
`
      await writeFile(file, types)
      const strict = ['--strict', '--noEmit', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2024']
      const lib = ['--lib', 'es2024,esnext.disposable', '--typeRoots', join(TOP, 'node_modules/@types')]
      const tsc = promisify(execFile)(join(TOP, 'node_modules/.bin/tsc'), [...strict, ...lib, file], {
        cwd: installed.folder,
      })
      expect(await tsc.catch(error => error)).toMatchObject({ stdout: '' })
    })
  })
