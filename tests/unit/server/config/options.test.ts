import { describe, expect, test } from '@jest/globals'
import { UsageError } from '../../../../services/options/options.js'
import {
  consoleWanted,
  helpText,
  readOptions,
  type ServerOptions,
} from '../../../../services/server/config/options.js'
import { WITHOUT_ADDRESSES } from '../../../../services/server/guard/guard-limits.js'

function read(args: string[], environment: Record<string, string> = {}): ServerOptions {
  const request = readOptions(args, environment)
  if (request.kind !== 'run') throw new Error(request.kind)
  return request.options
}

describe('options', () => {
  test('have their defaults', () => {
    expect(read([])).toEqual({
      port: 5000,
      host: '0.0.0.0',
      data: './data/server',
      console: 'auto',
      operatorHandle: 'operator',
      registration: 'open',
      tls: undefined,
      publicAddress: undefined,
      retentionSeconds: 30 * 24 * 3600,
      maxStorageBytes: undefined,
      accountBytes: 256 * 1024 * 1024,
      logLevel: 'info',
      guard: { connectionsPerAddress: 512, registrationsPerHour: 120 },
    })
  })

  test('come from the command line before the environment, and an empty variable is none', () => {
    expect(read(['--port', '1'], { PARLEY_PORT: '2' }).port).toBe(1)
    expect(read([], { PARLEY_PORT: '2' }).port).toBe(2)
    expect(read([], { PARLEY_PORT: '' }).port).toBe(5000)
  })

  test('are all read', () => {
    const options = read(
      [
        '--host',
        '::1',
        '--data=/d',
        '--console',
        'off',
        '--tls-cert',
        'c',
        '--tls-key',
        'k',
        '--log-level',
        'warn',
      ],
      {
        PARLEY_PUBLIC_ADDRESS: '[2001:db8::1]:443',
        PARLEY_RETENTION_DAYS: '2',
        PARLEY_MAX_STORAGE_MB: '3',
        PARLEY_ACCOUNT_STORAGE_MB: '4',
        PARLEY_OPERATOR_HANDLE: 'ops',
        PARLEY_REGISTRATION: 'invite',
      },
    )
    expect(options).toMatchObject({
      host: '::1',
      data: '/d',
      console: 'off',
      tls: { certificateFile: 'c', keyFile: 'k' },
      logLevel: 'warn',
      publicAddress: { host: '2001:db8::1', port: 443 },
      retentionSeconds: 2 * 24 * 3600,
      maxStorageBytes: 3 * 1024 * 1024,
      accountBytes: 4 * 1024 * 1024,
      operatorHandle: 'ops',
      registration: 'invite',
    })
  })

  test('bound addresses, or do not', () => {
    const bounded = ['--connections-per-address', '9', '--registrations-per-hour', '8']
    expect(read(bounded).guard).toEqual({ connectionsPerAddress: 9, registrationsPerHour: 8 })
    expect(read([...bounded, '--address-limits', 'off']).guard).toEqual(WITHOUT_ADDRESSES)
  })

  test.each<[string[], RegExp]>([
    [['--address-limits', 'some'], /--address-limits must be one of on, off/],
    [['--connections-per-address', '0'], /--connections-per-address/],
    [['--registrations-per-hour', 'many'], /--registrations-per-hour/],
    [['--port', '65536'], /--port must be a whole number from 0 to 65535, not "65536"/],
    [['--port', '-1'], /--port/],
    [['--port', '5e3'], /--port/],
    [['--port='], /--port/],
    [['--port'], /--port/],
    [['--console', 'maybe'], /--console must be one of on, off, auto/],
    [['--registration', 'some'], /--registration must be one of open, invite, closed/],
    [['--operator-handle', 'Bad Handle'], /handle/],
    [['--data', ' '], /--data needs a value/],
    [['--tls-cert', 'x'], /go together/],
    [['--tls-key', 'x'], /go together/],
    [['--public-address', 'nowhere'], /HOST:PORT/],
    [['--public-address', 'a:0'], /HOST:PORT/],
    [['--public-address', 'a:70000'], /HOST:PORT/],
    [['--retention-days', '0'], /--retention-days/],
    [['--max-storage-mb', 'all'], /--max-storage-mb/],
    [['--account-storage-mb', '0'], /--account-storage-mb/],
    [['--log-level', 'loud'], /--log-level/],
    [['--prot', '1'], /--prot/],
    [['extra'], /extra/],
  ])('%j is refused in one line', (args, text) => {
    expect(() => readOptions(args, {})).toThrow(UsageError)
    expect(() => readOptions(args, {})).toThrow(text)
    expect(() => readOptions(args, {})).not.toThrow(/\n/)
  })

  test('--help and --version come before everything else', () => {
    expect(readOptions(['-h', '--port', 'x'], {})).toEqual({ kind: 'help' })
    expect(readOptions(['--version'], { PARLEY_PORT: 'x' })).toEqual({ kind: 'version' })
  })

  test('the help shows every option, with its default and its variable', () => {
    expect(helpText('parley-server')).toMatch(/--port PORT .*default 5000.*\[PARLEY_PORT\]/)
    expect(helpText('parley-server')).toContain('PARLEY_OPERATOR_HANDLE')
    expect(helpText('parley-server')).toContain('Exit codes')
  })
})

test.each([
  ['on', false, true],
  ['on', true, true],
  ['off', true, false],
  ['auto', true, true],
  ['auto', false, false],
] as const)('console %s, terminal %s: wanted %s', (wish, isTerminal, wanted) => {
  expect(consoleWanted(wish, isTerminal)).toBe(wanted)
})
