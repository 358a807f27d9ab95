import { once } from 'node:events'
import { describe, expect, test } from '@jest/globals'
import type { EndReason, TerminalOptions } from '../../../services/terminal/entry.js'
import { openTerminal } from '../../../services/terminal/terminal.js'
import { fakeTerminal } from './screen.js'

const AT = new Date()
const FRAME_END = '\x1b[?7h'

async function open(more: Partial<TerminalOptions> = {}, size = { columns: 40, rows: 12 }) {
  const fake = fakeTerminal(size.columns, size.rows)
  const lines: string[] = []
  const ends: EndReason[] = []
  const terminal = openTerminal({
    ...fake.streams,
    color: false,
    onLine: line => lines.push(line),
    onEnd: reason => ends.push(reason),
    ...more,
  })
  /** Types, and waits for the frame that follows. */
  const type = async (keys: string) => {
    fake.input.write(keys)
    await drawn()
  }
  const drawn = async () => {
    let bytes = ''
    while (!bytes.endsWith(FRAME_END)) bytes = String((await once(fake.output, 'data'))[0])
  }
  const last = () => fake.screen.text().filter(row => row !== '')
  await drawn()
  return { ...fake, terminal, lines, ends, type, drawn, last }
}

describe('the interactive terminal', () => {
  test('an entry goes above what is being typed', async () => {
    const { terminal, type, drawn, last, lines } = await open()
    terminal.prompt('me> ')
    await type('half a li')
    terminal.print({ kind: 'message', id: '1', at: AT, from: 'bob', own: false, text: 'hello 漢字' })
    await drawn()
    await type('ne')
    expect(last()).toEqual([expect.stringContaining('bob ▏hello 漢字'), 'me> half a line'])
    await type('\r')
    expect(lines).toEqual(['half a line'])
    terminal.close()
  })

  test('marks change in place', async () => {
    const { terminal, drawn, last } = await open()
    terminal.print({
      kind: 'message',
      id: '1',
      at: AT,
      from: 'me',
      own: true,
      text: 'hello',
      mark: 'waiting',
    })
    await drawn()
    expect(last()[0]).toMatch(/hello ·$/)
    terminal.mark('1', 'delivered')
    await drawn()
    expect(last()[0]).toMatch(/hello ✓✓$/)
    terminal.close()
  })

  test('questions take lines one after the other, and what was typed comes back', async () => {
    const { terminal, type, lines, last } = await open()
    await type('draft')
    const handle = terminal.ask('Handle? ')
    const secret = terminal.ask('Passphrase: ', { secret: true })
    await type('alice\r')
    expect(await handle).toBe('alice')
    await type('hunter2')
    expect(last().at(-1)).toBe('Passphrase: •••••••')
    await type('\r')
    expect(await secret).toBe('hunter2')
    await type('!')
    expect(last()).toEqual(['> draft!'])
    expect(lines).toEqual([])
    terminal.close()
  })

  test('ctrl c ends a question, and without one the conversation', async () => {
    const { terminal, type, ends } = await open()
    const asked = terminal.ask('Handle? ')
    await type('\x03')
    expect(await asked).toBeUndefined()
    expect(ends).toEqual([])
    await type('\x03')
    await type('\x04')
    expect(ends).toEqual(['interrupt', 'eof'])
    terminal.close()
  })

  test('a bracketed paste of several lines is one message', async () => {
    const { terminal, type, lines } = await open()
    await type('\x1b[200~one\rtwo\x1b[201~')
    await type('\r')
    expect(lines).toEqual(['one\ntwo'])
    terminal.close()
  })

  test('tab completes', async () => {
    const { terminal, type, last } = await open({ complete: line => (line === '/w' ? ['/who '] : []) })
    await type('/w\t')
    await type('x')
    expect(last()).toEqual(['> /who x'])
    terminal.close()
  })

  test('an empty line is not a message', async () => {
    const { terminal, type, lines } = await open()
    await type('\r')
    expect(lines).toEqual([])
    terminal.close()
  })

  test('a resize draws for the new size', async () => {
    const { terminal, type, drawn, resize, last } = await open()
    await type('x'.repeat(30))
    resize({ columns: 20, rows: 12 })
    await drawn()
    expect(last().slice(-2)).toEqual([`> ${'x'.repeat(17)}`, `  ${'x'.repeat(13)}`])
    terminal.close()
  })

  test('close gives the terminal back, answers what was asked, and draws what was not drawn yet', async () => {
    const { terminal, modes, input, last, drawn } = await open()
    const asked = terminal.ask('Handle? ')
    terminal.print({ kind: 'notice', at: AT, level: 'info', text: 'bye' })
    const lastFrame = drawn()
    terminal.close()
    terminal.close()
    terminal.print({ kind: 'notice', at: AT, level: 'info', text: 'too late' })
    expect(await asked).toBeUndefined()
    await lastFrame
    expect(modes).toEqual([true, false])
    expect(input.listenerCount('keypress')).toBe(0)
    expect(last()).toEqual([expect.stringContaining('-- bye')])
  })

  test('a terminal that is gone is an end', async () => {
    const { terminal, input, ends } = await open()
    const asked = terminal.ask('Handle? ')
    input.end()
    expect(await asked).toBeUndefined()
    expect(ends).toEqual(['eof'])
    terminal.close()
  })
})
