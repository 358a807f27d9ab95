import { describe, expect, test } from '@jest/globals'
import { type ClientOptions, helpText, readOptions } from '../../../services/client/options.js'
import { UsageError } from '../../../services/options/options.js'
import { formatFingerprint } from '../../../services/protocol/identity/fingerprint.js'
import { formatInvite } from '../../../services/protocol/invite/invite-link.js'

function options(args: string[], environment: Record<string, string> = {}): ClientOptions {
  const request = readOptions(args, environment)
  if (request.kind !== 'run') throw new Error(`not run but ${request.kind}`)
  return request.options
}

describe('options', () => {
  test('left out have their defaults', () => {
    expect(options([])).toMatchObject({
      action: 'chat',
      address: undefined,
      invite: undefined,
      handle: undefined,
      data: './data/client',
      json: false,
      waitDelivered: false,
      follow: false,
      timeoutMs: undefined,
    })
  })

  test('come from the command line before the environment', () => {
    const environment = { PARLEY_HANDLE: 'bob', PARLEY_TO: 'carol', PARLEY_TIMEOUT: '1.5' }
    expect(options(['--handle', 'alice'], environment)).toMatchObject({
      handle: 'alice',
      to: 'carol',
      timeoutMs: 1500,
    })
    expect(options([], { PARLEY_HANDLE: '' }).handle).toBeUndefined()
  })

  test('name the server by address or invite link, as the argument or as an option', () => {
    const link = formatInvite({ host: 'example.org', port: 4443, server: new Uint8Array(32).fill(7) })
    for (const args of [[link], ['--server', link]])
      expect(options(args)).toMatchObject({
        address: { host: 'example.org', port: 4443 },
        invite: { port: 4443 },
      })
    expect(options(['localhost:5000'])).toMatchObject({
      address: { host: 'localhost', port: 5000 },
      invite: undefined,
    })
    expect(options(['transcript', '--json'])).toMatchObject({ action: 'transcript', json: true })
  })

  test('accept a changed server by its fingerprint', () => {
    const fingerprint = new Uint8Array(32).fill(9)
    expect(options(['--accept-server', formatFingerprint(fingerprint)]).acceptServer).toEqual(fingerprint)
    expect(options(['--accept-server', 'authority']).acceptServer).toBe('authority')
  })

  test('name the device that is handed the history: none unless they do', () => {
    expect(options([]).giveHistory).toBeUndefined()
    expect(options(['--give-history', 'SHA256:abc']).giveHistory).toBe('SHA256:abc')
  })

  test('say what becomes of strangers: they wait unless they do', () => {
    expect(options([]).requests).toBe('hold')
    expect(options(['--requests', 'accept']).requests).toBe('accept')
    expect(() => options(['--requests', 'all'])).toThrow(UsageError)
  })

  test('say what a changed key is met with: nothing is sent unless they do', () => {
    expect(options([]).keyChange).toBe('block')
    expect(options(['--key-change', 'accept']).keyChange).toBe('accept')
    expect(options([], { PARLEY_KEY_CHANGE: 'warn' }).keyChange).toBe('warn')
  })

  test('that are wrong say which and what is allowed', () => {
    const wrong: [string[], RegExp][] = [
      [['--nope'], /--nope.*--help/],
      [['--handle', 'Alice'], /--handle "Alice": A handle has 1 to 32/],
      [['--to', ''], /--to ""/],
      [['--timeout', 'soon'], /--timeout must be seconds/],
      [['--timeout', '-1'], /timeout/],
      [['--timeout', '1e9'], /--timeout/],
      [['--accept-server', 'SHA256:abc'], /43 characters/],
      [['--key-change', 'ask'], /--key-change must be block, warn, accept, not "ask"/],
      [['localhost:5000', 'more'], /"more" is one argument too many/],
      [['localhost:99999'], /./],
      [['parley://localhost:5000/'], /lacks the server's fingerprint/],
      [['--handle'], /--handle/],
    ]
    for (const [args, said] of wrong) {
      expect(() => options(args)).toThrow(UsageError)
      expect(() => options(args)).toThrow(said)
    }
  })

  test('are all in the help, with their variables and the exit codes', () => {
    expect(readOptions(['--help'], {})).toEqual({ kind: 'help' })
    expect(readOptions(['--version'], {})).toEqual({ kind: 'version' })
    for (const name of ['handle', 'to', 'server', 'data', 'json', 'wait-delivered', 'follow', 'timeout'])
      expect(helpText('parley')).toContain(`--${name}`)
    expect(helpText('parley')).toContain('[PARLEY_ACCEPT_SERVER]')
    expect(helpText('parley')).toMatch(/Exit codes: 0 .*; 5 /)
  })
})
