import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  completed,
  type Editor,
  type Effect,
  type Key,
  newEditor,
  press,
} from '../../../services/terminal/editor.js'
import { graphemes } from '../../../services/terminal/text.js'

/** `{left}` and the like are named keys, everything else is typed. */
function keysOf(script: string): Key[] {
  return (script.match(/\{[^}]+\}|[^{]/gu) ?? []).map(part => {
    if (!part.startsWith('{')) return { sequence: part }
    const words = part.slice(1, -1).split(' ')
    return {
      name: words.at(-1),
      ctrl: words.includes('ctrl'),
      meta: words.includes('meta'),
      sequence: '\x1b?',
    }
  })
}

function play(script: string, start: Editor = newEditor()): { editor: Editor; effects: Effect[] } {
  let editor = start
  const effects: Effect[] = []
  for (const key of keysOf(script)) {
    const step = press(editor, key)
    editor = step.editor
    if (step.effect) effects.push(step.effect)
  }
  return { editor, effects }
}

/** The text with | where the cursor is. */
function shown({ text, cursor }: Editor): string {
  return `${text.slice(0, cursor)}|${text.slice(cursor)}`
}

describe('the input line', () => {
  test.each([
    ['typing', 'héllo', 'héllo|'],
    ['typing in the middle', 'ac{left}b', 'ab|c'],
    ['backspace takes a whole family', 'x👨‍👩‍👧‍👦{backspace}', 'x|'],
    ['left passes a combined letter', 'ae\u0301b{left}{left}', 'a|e\u0301b'],
    ['right passes a flag', '🇩🇪x{home}{right}', '🇩🇪|x'],
    ['delete', 'abc{home}{delete}', '|bc'],
    ['ctrl d deletes where there is text', 'abc{ctrl a}{ctrl d}', '|bc'],
    ['home and end', 'abc{ctrl a}x{ctrl e}y', 'xabcy|'],
    ['ctrl u and ctrl k', 'abcd{left}{left}{ctrl u}', '|cd'],
    ['ctrl k', 'abcd{left}{left}{ctrl k}', 'ab|'],
    ['ctrl w takes a word', 'one two  {ctrl w}', 'one |'],
    ['words are passed', 'one two{ctrl left}{meta b}{ctrl right}', 'one| two'],
    ['alt enter is a newline', 'a{meta return}b', 'a\nb|'],
    ['ctrl c clears', 'abc{ctrl c}', '|'],
    ['unknown keys do nothing', 'a{f5}{escape}{meta x}{ctrl z}', 'a|'],
    ['a paste is one text', 'x{paste-start}a\r\nb\rc\x1b\x07\td{paste-end}y', 'xa\nb\nc\tdy|'],
    ['a paste without an end is left by ctrl c', '{paste-start}a{ctrl c}b', 'b|'],
  ])('%s', (_what, script, expected) => {
    expect(shown(play(script).editor)).toBe(expected)
  })

  test('enter gives the line and empties the input', () => {
    const { editor, effects } = play('hello{return}')
    expect(effects).toEqual([{ kind: 'submit', line: 'hello' }])
    expect(shown(editor)).toBe('|')
  })

  test('a paste with newlines does not send', () => {
    expect(play('{paste-start}a\rb{paste-end}').effects).toEqual([])
  })

  test('ctrl c and ctrl d end only where nothing is typed', () => {
    expect(play('x{ctrl c}').effects).toEqual([])
    expect(play('{ctrl c}').effects).toEqual([{ kind: 'end', reason: 'interrupt' }])
    expect(play('x{ctrl d}').effects).toEqual([])
    expect(play('{ctrl d}').effects).toEqual([{ kind: 'end', reason: 'eof' }])
  })

  test('the history is walked and the draft comes back', () => {
    const { editor } = play('one{return}two{return}two{return}draft{up}')
    expect(shown(editor)).toBe('two|')
    expect(shown(play('{up}{up}', editor).editor)).toBe('one|')
    expect(shown(play('{up}{down}{down}', editor).editor)).toBe('draft|')
  })

  test('what would be too long is not inserted, and it says so', () => {
    const { editor } = play(`{paste-start}${'x'.repeat(1 << 20)}{paste-end}y`)
    expect(editor.text.length).toBe(1 << 20)
    expect(editor.hints).toHaveLength(1)
  })

  test('completion: the only one, what they share, then the choice', () => {
    const typed = play('/w{tab}')
    expect(typed.effects).toEqual([{ kind: 'complete', before: '/w' }])
    expect(shown(completed(typed.editor, ['/who ']))).toBe('/who |')
    const shared = completed(typed.editor, ['/who ', '/where '])
    expect(shown(shared)).toBe('/wh|')
    expect(completed(shared, ['/who ', '/where ']).hints).toEqual(['/who ', '/where '])
    expect(shown(completed(typed.editor, []))).toBe('/w|')
  })

  test('the cursor is never inside a grapheme, whatever is pressed', () => {
    const names = [
      'left',
      'right',
      'backspace',
      'delete',
      'home',
      'end',
      'ctrl w',
      'ctrl left',
      'ctrl right',
      'up',
      'down',
    ]
    const typed = fc.constantFrom('a', ' ', '\u0301', '👨', '\u200d', '👩', '🏽', '🇩', '🇪', '漢')
    const part = fc.oneof(typed, fc.constantFrom(...names.map(name => `{${name}}`)))
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), parts => {
        const { editor } = play(parts.join(''))
        const ends = [0]
        for (const grapheme of graphemes(editor.text)) ends.push(ends.at(-1)! + grapheme.length)
        expect(ends).toContain(editor.cursor)
      }),
      { numRuns: 500 },
    )
  })
})
