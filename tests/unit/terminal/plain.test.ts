import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { EndReason, TerminalOptions } from '../../../services/terminal/entry.js'
import { openPlain, plainEntry } from '../../../services/terminal/plain.js'
import { anyEntry } from './arbitrary.js'

const AT = new Date(2026, 10, 22, 12, 1)

function open(input: Readable, onLine?: TerminalOptions['onLine']) {
  const output = new PassThrough({ encoding: 'utf8' })
  const lines: string[] = []
  let ended: (reason: EndReason) => void = () => {}
  const end = new Promise<EndReason>(resolve => {
    ended = resolve
  })
  const terminal = openPlain({
    input: input as unknown as NodeJS.ReadStream,
    output: output as unknown as NodeJS.WriteStream,
    color: true,
    onLine: onLine ?? (line => lines.push(line)),
    onEnd: reason => ended(reason),
  })
  return { terminal, output, lines, end }
}

describe('reading from a pipe', () => {
  test('lines come whole and unchanged, however they were cut; the last needs no newline', async () => {
    const long = 'é漢👍'.repeat(20_000)
    const bytes = Buffer.from(`one\n\n\ttwo \r\n${long}\nlast`)
    const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, n) =>
      bytes.subarray(n * 7, n * 7 + 7),
    )
    const { lines, end } = open(Readable.from(pieces))
    expect(await end).toBe('eof')
    expect(lines).toEqual(['one', '', '\ttwo \r', long, 'last'])
  })

  test('nothing more is read while a line is being taken', async () => {
    let release = () => {}
    const taken: string[] = []
    const first = new Promise<void>(resolve => {
      release = resolve
    })
    const input = new PassThrough()
    const { end } = open(input, line => {
      taken.push(line)
      return first
    })
    let accepted = true
    while (accepted) accepted = input.write('line\n'.repeat(1000))
    expect(taken.length).toBeLessThanOrEqual(1)
    input.end()
    release()
    await end
    expect(taken.length).toBeGreaterThan(1000)
  })

  test('questions take lines in turn, the rest are lines', async () => {
    const { terminal, lines, end } = open(Readable.from(['alice\nsecret\nhello\n']))
    const answers = [await terminal.ask('Handle? '), await terminal.ask('Passphrase: ', { secret: true })]
    expect(answers).toEqual(['alice', 'secret'])
    await end
    expect(lines).toEqual(['hello'])
    expect(await terminal.ask('More? ')).toBeUndefined()
  })

  test('close answers what was asked and stops reading, and is no end', async () => {
    const input = new PassThrough()
    const { terminal, lines } = open(input)
    const asked = terminal.ask('Handle? ')
    terminal.close()
    expect(await asked).toBeUndefined()
    expect(input.destroyed).toBe(true)
    expect(lines).toEqual([])
  })

  test('a secret is typed without echo where the input is a terminal', async () => {
    const modes: boolean[] = []
    const input = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode: (raw: boolean) => modes.push(raw),
    })
    const { terminal, output } = open(input)
    const asked = terminal.ask('Passphrase: ', { secret: true })
    input.write('huntet\x7fr2\r')
    expect(await asked).toBe('hunter2')
    expect(modes).toEqual([true, false])
    expect(output.read()).toBe('Passphrase: \n')
  })
})

describe('writing to a pipe', () => {
  test('one entry a line, its further lines indented', () => {
    expect(
      plainEntry({ kind: 'message', id: '1', at: AT, from: 'bob', own: false, text: 'a\nb\x1b[2J' }),
    ).toBe('2026-11-22 12:01 bob: a\n    b␛[2J')
    expect(
      plainEntry({ kind: 'message', id: '1', at: AT, from: 'bob', to: 'team', own: true, text: 'a' }),
    ).toBe('2026-11-22 12:01 bob → team: a')
    expect(plainEntry({ kind: 'notice', at: AT, level: 'info', text: 'a', figure: ['█▀', '▄\x1b'] })).toBe(
      '2026-11-22 12:01 -- a\n    █▀\n    ▄␛',
    )
    expect(plainEntry({ kind: 'notice', at: AT, level: 'warning', text: 'line down' })).toBe(
      '2026-11-22 12:01 warning: line down',
    )
  })

  test('no control character but the newline, and each entry begins exactly once', () => {
    fc.assert(
      fc.property(anyEntry, entry => {
        const shown = plainEntry(entry)
        expect(shown).not.toMatch(/[\p{Cc}--\n]/v)
        expect(shown.split('\n').filter(line => !line.startsWith('    '))).toHaveLength(1)
      }),
      { numRuns: 500 },
    )
  })

  test('marks, status and prompt write nothing', async () => {
    const { terminal, output } = open(new PassThrough())
    terminal.status('up')
    terminal.prompt('me> ')
    terminal.mark('1', 'failed')
    terminal.print({ kind: 'notice', at: AT, level: 'info', text: 'hello' })
    await once(output, 'readable')
    expect(output.read()).toBe('2026-11-22 12:01 -- hello\n')
    terminal.close()
  })

  test('a reader that went away is an end, not a crash', async () => {
    const { terminal, output, end } = open(new PassThrough())
    output.destroy(new Error('EPIPE'))
    expect(await end).toBe('eof')
    terminal.print({ kind: 'notice', at: AT, level: 'info', text: 'to nobody' })
    terminal.close()
  })
})
