import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { completed, newEditor, press } from '../../../services/terminal/editor.js'
import type { Entry, Mark } from '../../../services/terminal/entry.js'
import { encode, NOTHING_DRAWN } from '../../../services/terminal/frame.js'
import {
  asking,
  type Model,
  marked,
  newModel,
  printed,
  withPrompt,
  withStatus,
} from '../../../services/terminal/model.js'
import { painter } from '../../../services/terminal/paint.js'
import { widthOf } from '../../../services/terminal/text.js'
import { view } from '../../../services/terminal/view.js'
import { anyEntry, anyText } from './arbitrary.js'
import { virtualScreen } from './screen.js'

const NOON = new Date(2026, 10, 22, 12, 1)
const plain = painter(false)

function message(
  text: string,
  more: { id?: string; own?: boolean; mark?: Mark; at?: Date; to?: string } = {},
): Entry {
  return { kind: 'message', id: 'm', at: NOON, from: 'alice', own: false, text, ...more }
}

function typed(model: Model, text: string): Model {
  return { ...model, editor: press(newEditor(), { sequence: text }).editor }
}

describe('entries', () => {
  const rowsOf = (entry: Entry, columns = 40) =>
    view(printed(newModel(NOON), entry), { columns, rows: 24 }, plain).frame.scrollback

  test('a message has its time, its sender and a hanging indent', () => {
    expect(rowsOf(message('the quick brown fox jumps over\nthe dog'))).toEqual([
      '12:01 alice ▏the quick brown fox jumps',
      '            ▏over',
      '            ▏the dog',
    ])
  })

  test('a wide header stands on its own row', () => {
    expect(rowsOf(message('hello', { to: 'operator' }), 40)).toEqual(['12:01 alice → operator ▏', '  ▏hello'])
    expect(rowsOf(message('hello'), 20)).toEqual(['12:01 alice ▏', '  ▏hello'])
  })

  test.each([
    ['waiting', ' ·'],
    ['stored', ' ✓'],
    ['delivered', ' ✓✓'],
    ['failed', ' ✗ not sent'],
  ] as const)('an own message shows that it is %s', (mark, shown) => {
    const { frame } = view(
      printed(newModel(NOON), message('hi', { own: true, mark })),
      { columns: 40, rows: 24 },
      plain,
    )
    expect([...frame.scrollback, ...frame.rows][0]).toBe(`12:01 alice ▏hi${shown}`)
  })

  test('notices say their level in words', () => {
    const notice = (level: 'info' | 'warning' | 'error') =>
      rowsOf({ kind: 'notice', at: NOON, level, text: 'line down' })
    expect(notice('info')).toEqual(['12:01 -- line down'])
    expect(notice('warning')).toEqual(['12:01 warning: line down'])
    expect(notice('error')).toEqual(['12:01 error: line down'])
  })

  test('a figure stands below its notice, over the whole width', () => {
    const figure = ['█'.repeat(40), 'link'.repeat(12)]
    expect(rowsOf({ kind: 'notice', at: NOON, level: 'info', text: 'below', figure })).toEqual([
      '12:01 -- below',
      '█'.repeat(40),
      'link'.repeat(10),
      'linklink',
    ])
  })

  test('a new day is announced once', () => {
    const later = printed(newModel(NOON), message('a', { at: new Date(2026, 10, 23, 0, 1) }))
    const both = printed(later, message('b', { at: new Date(2026, 10, 23, 0, 2) }))
    expect(view(both, { columns: 40, rows: 24 }, plain).frame.scrollback).toEqual([
      '── 2026-11-23 ──',
      '00:01 alice ▏a',
      '00:02 alice ▏b',
    ])
  })

  test('no text can pass for another entry', () => {
    const rows = rowsOf(message('hi\n12:02 operator ▏pay me\r12:03 bob ▏yes'))
    expect(rows.filter(row => /^\d\d:\d\d/.test(row))).toHaveLength(1)
  })

  test('without colour there is no escape sequence; with it a handle keeps its colour', () => {
    expect(rowsOf(message('x')).join('')).not.toContain('\x1b')
    const colored = view(
      printed(newModel(NOON), message('x')),
      { columns: 40, rows: 24 },
      painter(true),
    ).frame
    expect(colored.scrollback[0]).toContain('malice\x1b[39m')
    expect(stripVTControlCharacters(colored.scrollback[0]!)).toBe('12:01 alice ▏x')
  })
})

describe('the region', () => {
  const screen = { columns: 40, rows: 10 }

  test('what is final goes to the scrollback; from the first open message on, all stays', () => {
    const before = printed(newModel(NOON), message('one'))
    const open = printed(
      printed(before, message('two', { id: '2', own: true, mark: 'waiting' })),
      message('three'),
    )
    const first = view(open, screen, plain)
    expect(first.frame.scrollback).toEqual(['12:01 alice ▏one'])
    expect(first.frame.rows).toEqual(['12:01 alice ▏two ·', '12:01 alice ▏three', '> '])
    const done = view(marked(first.model, { id: '2', mark: 'delivered', now: NOON }), screen, plain)
    expect(done.frame.scrollback).toEqual(['12:01 alice ▏two ✓✓', '12:01 alice ▏three'])
    expect(done.frame.rows).toEqual(['> '])
  })

  test('what does not fit is let go of, and only its failure is still told', () => {
    let model = newModel(NOON)
    for (let n = 0; n < 12; n++)
      model = printed(model, message(`text ${n}`, { id: `${n}`, own: true, mark: 'waiting' }))
    const { model: settled, frame } = view(model, screen, plain)
    expect(frame.rows.length).toBeLessThanOrEqual(screen.rows)
    expect(frame.scrollback[0]).toBe('12:01 alice ▏text 0 ·')
    const delivered = view(marked(settled, { id: '0', mark: 'delivered', now: NOON }), screen, plain)
    expect(delivered.frame).toEqual({ ...frame, scrollback: [] })
    const failed = view(marked(settled, { id: '1', mark: 'failed', now: NOON }), screen, plain)
    expect([...failed.frame.scrollback, ...failed.frame.rows]).toContain('12:01 error: not sent: text 1')
    expect(marked(settled, { id: 'never seen', mark: 'failed', now: NOON })).toBe(settled)
  })

  test('the status stands above the input, cut to one row', () => {
    const model = withStatus(
      withPrompt(newModel(NOON), 'alice> '),
      'reconnecting to a host with a very long name.example',
    )
    const { frame } = view(typed(model, 'hello'), screen, plain)
    expect(frame.rows).toEqual(['reconnecting to a host with a very long…', 'alice> hello'])
    expect(frame.cursor).toEqual({ row: 1, before: 'alice> hello' })
    expect(view(withStatus(model, ''), screen, plain).frame.rows).toEqual(['alice> '])
  })

  test('a long input wraps, and a very long one shows the part with the cursor', () => {
    const model = withPrompt(newModel(NOON), 'alice> ')
    const wrapped = view(typed(model, 'x'.repeat(50)), screen, plain).frame
    expect(wrapped.rows).toEqual([`alice> ${'x'.repeat(32)}`, `  ${'x'.repeat(18)}`])
    const long = view(typed(model, `${'x'.repeat(1000)}end`), screen, plain).frame
    expect(long.rows).toHaveLength(5)
    expect(long.rows.at(-1)).toContain('end')
    expect(long.cursor.row).toBe(4)
  })

  test('a question that needs several rows breaks between its words', () => {
    const model = asking(newModel(NOON), {
      text: 'hand all that was said over to a device without a name? yes or no: ',
      secret: false,
    })
    const editor = press(newEditor(), { sequence: 'no' }).editor
    const { frame } = view({ ...model, question: { ...model.question!, editor } }, screen, plain)
    expect(frame.rows).toEqual(['hand all that was said over to a', '  device without a name? yes or no: no'])
    expect(frame.cursor).toEqual({ row: 1, before: '  device without a name? yes or no: no' })
  })

  test('a secret is not shown', () => {
    const model = asking(newModel(NOON), { text: 'Passphrase: ', secret: true })
    const editor = press(newEditor(), { sequence: 'hunter2' }).editor
    const { frame } = view({ ...model, question: { ...model.question!, editor } }, screen, plain)
    expect(frame.rows).toEqual(['Passphrase: •••••••'])
  })
})

describe('for any entries, at any size', () => {
  const change = fc.oneof(
    anyEntry.map(entry => (model: Model) => printed(model, entry)),
    fc
      .record({
        id: fc.constantFrom('1', '2', '3'),
        mark: fc.constantFrom<Mark>('stored', 'delivered', 'failed'),
      })
      .map(mark => (model: Model) => marked(model, { ...mark, now: NOON })),
    anyText.map(text => (model: Model) => withStatus(model, text)),
    anyText.map(text => (model: Model) => withPrompt(model, text)),
    // A completion may bring anything into the input; typing and pasting may not.
    anyText.map(text => (model: Model) => ({ ...model, editor: completed(newEditor(), [text]) })),
    fc
      .constantFrom('home', 'end', 'left')
      .map(name => (model: Model) => ({ ...model, editor: press(model.editor, { name }).editor })),
  )
  const sizes = fc.record({ columns: fc.constantFrom(20, 21, 40, 80), rows: fc.constantFrom(4, 10, 24) })

  test('no row is wider than the screen, the region fits, and the frames draw exactly the view', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), sizes, fc.boolean(), (changes, size, color) => {
        const terminal = virtualScreen()
        let drawn = NOTHING_DRAWN
        let model = newModel(NOON)
        const expected: string[] = []
        for (const apply of changes) {
          const next = view(apply(model), size, painter(color))
          model = next.model
          const { scrollback, rows } = next.frame
          for (const row of [...scrollback, ...rows]) {
            expect(widthOf(stripVTControlCharacters(row))).toBeLessThanOrEqual(size.columns)
          }
          expect(rows.length).toBeLessThanOrEqual(size.rows)
          expected.push(...scrollback)
          const frame = encode(drawn, next.frame)
          drawn = frame.drawn
          // Refuses every control character and sequence that is not the device's own.
          terminal.write(frame.bytes)
          expect(terminal.cursorRow()).toBe(expected.length + next.frame.cursor.row)
          const all = [...expected, ...rows].map(row => stripVTControlCharacters(row).trimEnd())
          expect(terminal.text()).toEqual(all)
        }
      }),
      { numRuns: 400 },
    )
  })
})
