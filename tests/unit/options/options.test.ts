import { describe, expect, test } from '@jest/globals'
import { optionsHelp, readArguments, UsageError } from '../../../services/options/options.js'

const ROWS = [
  { name: 'port', value: 'PORT', fallback: '5000', help: 'port to listen on' },
  { name: 'log-level', value: 'LEVEL', help: 'how much to say' },
  { name: 'help', short: 'h', help: 'show this' },
] as const
const read = (args: string[], environment: Record<string, string> = {}, allowPositionals = false) =>
  readArguments(ROWS, { args, environment, allowPositionals })

describe('an option', () => {
  test('is what the command line gives, else the environment, else the row', () => {
    const environment = { PARLEY_PORT: '2', PARLEY_LOG_LEVEL: 'info' }
    expect(read(['--port', '1'], environment).text('port')).toBe('1')
    expect(read(['--port=1'], environment).text('port')).toBe('1')
    expect(read([], environment).text('port')).toBe('2')
    expect(read([], environment).text('log-level')).toBe('info')
    expect(read([], { PARLEY_PORT: '' }).text('port')).toBe('5000')
    expect(read([]).text('log-level')).toBeUndefined()
  })

  test('without a value is set or not, whatever the environment has', () => {
    expect(read(['--help']).isSet('help')).toBe(true)
    expect(read(['-h']).isSet('help')).toBe(true)
    expect(read([], { PARLEY_HELP: 'yes' }).isSet('help')).toBe(false)
  })

  test.each([
    [['--prot', '1'], "Unknown option '--prot': --help shows the options"],
    [['--port'], /^Option '--port <value>' argument missing: --help/],
    [['--help=yes'], /--help/],
    [['more'], /^Unexpected argument 'more'/],
  ])('that is wrong is told of in a sentence: %j', (args, message) => {
    expect(() => read(args)).toThrow(UsageError)
    expect(() => read(args)).toThrow(message)
  })

  test('may stand beside arguments where they are allowed', () => {
    expect(read(['one', '--port', '1', 'two'], {}, true).positionals).toEqual(['one', 'two'])
  })
})

test('the help has a row for each, aligned, with default and variable', () => {
  expect(optionsHelp(ROWS)).toEqual([
    '  --port PORT        port to listen on (default 5000) [PARLEY_PORT]',
    '  --log-level LEVEL  how much to say [PARLEY_LOG_LEVEL]',
    '  -h, --help         show this',
  ])
})
