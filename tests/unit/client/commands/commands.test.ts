import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { COMMANDS, completions, helpText, readTyped } from '../../../../services/client/commands/commands.js'
import { runCommand } from '../../../support/commands.js'

describe('a typed line', () => {
  test('is a text unless it begins with a command or a handle', () => {
    for (const text of ['hello', ' /quit', ' @bob hi', 'a/b', '', '@bob', '@ bob'])
      expect(readTyped(text)).toEqual({ kind: 'text', text })
    expect(readTyped('//quit')).toEqual({ kind: 'text', text: '/quit' })
  })

  test('that names a person goes to them, over several rows too', () => {
    expect(readTyped('@bob hi there')).toEqual({ kind: 'to', handle: 'bob', text: 'hi there' })
    expect(readTyped('@bob\nrow\nrow')).toEqual({ kind: 'to', handle: 'bob', text: 'row\nrow' })
  })

  test('that names a person wrongly is never a text to whom one writes to now', () => {
    expect(readTyped('@Bob secret')).toEqual({ kind: 'to', handle: 'Bob', text: 'secret' })
    expect(readTyped(`@${'x'.repeat(40)} secret`)).toMatchObject({ kind: 'to' })
  })

  test('with an unknown command is not sent', () => {
    expect(readTyped('/qiut')).toEqual({ kind: 'unknown', name: 'qiut' })
    expect(readTyped('/')).toEqual({ kind: 'unknown', name: '' })
  })

  test('with a command has the rest as its argument', () => {
    expect(readTyped('/to  bob ')).toMatchObject({
      kind: 'command',
      command: { name: 'to' },
      argument: 'bob',
    })
  })

  test('always means something', () => {
    fc.assert(
      fc.property(fc.string(), line => {
        const typed = readTyped(line)
        if (typed.kind === 'text') expect(line.endsWith(typed.text)).toBe(true)
        else expect('/@').toContain(line[0])
      }),
    )
  })
})

test('the help has a row for every command', () => {
  for (const { name, help } of COMMANDS)
    expect(helpText(true)).toMatch(new RegExp(`^/${name} .*${help.slice(0, 12)}`, 'm'))
})

test("the operator's commands are shown to the operator only", () => {
  expect(helpText(true)).toMatch(/^\/ban HANDLE /m)
  expect(helpText()).not.toMatch(/\/ban/)
})

describe('completions', () => {
  test('are whole lines, of commands and of handles', () => {
    expect(completions('/hi', [])).toEqual(['/history '])
    expect(completions('@b', ['alice', 'bob', 'bo'])).toEqual(['@bob ', '@bo '])
    expect(completions('/to a', ['alice', 'bob'])).toEqual(['/to alice '])
    expect(completions('/', [])).toHaveLength(COMMANDS.length)
  })

  test('leave texts alone', () => {
    for (const line of ['hello', '', 'hello @b', '//hi']) expect(completions(line, ['bob'])).toEqual([])
  })
})

describe('a command', () => {
  const run = async (line: string) => {
    const { said, warned, calls } = await runCommand(line)
    return [...said.map(({ text }) => ['say', text]), ...warned.map(text => ['warn', text]), ...calls]
  }
  test('does what its row says', async () => {
    expect(await run('/to bob')).toEqual([['turnTo', 'bob']])
    expect(await run('/who')).toEqual([['say', 'bob  here']])
    expect(await run('/history')).toEqual([['showHistory', 50]])
    expect(await run('/history 3')).toEqual([['showHistory', 3]])
    expect(await run('/keys')).toEqual([['say', 'server SHA256:x']])
    expect(await run('/passphrase')).toEqual([['changePassphrase', undefined]])
    expect(await run('/help')).toEqual([['say', helpText()]])
    expect(await run('/quit')).toEqual([['quit', undefined]])
  })

  test('with a wrong argument says what is right', async () => {
    expect(await run('/to')).toEqual([['warn', expect.stringContaining('/to HANDLE')]])
    for (const wrong of ['0', '-1', '1.5', 'x', 'Infinity'])
      expect(await run(`/history ${wrong}`)).toEqual([['warn', expect.stringContaining('/history 50')]])
  })
})
