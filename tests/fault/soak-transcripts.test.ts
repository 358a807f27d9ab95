// The soak's judge can find what it is there to find.

import { describe, expect, test } from '@jest/globals'
import { compare, type Line, type Transcript } from '../soak/transcripts.js'

const text = (name: string, sequence: number, own = false): Line => ({
  kind: 'text',
  own,
  text: `room ${name}`,
  sequence: BigInt(sequence),
  group: 'first',
  state: own ? 'stored' : 'received',
})
const event = (told: string, sequence: number): Line => ({
  ...text('', sequence),
  kind: 'event',
  text: told,
})
const unreadable = (cause: string, sequence: number): Line => ({
  ...text('', sequence),
  kind: 'unreadable',
  text: cause,
})
const transcript = (member: string, lines: Line[], more: Partial<Transcript> = {}): Transcript => ({
  member,
  account: member,
  conversation: 'room',
  ready: true,
  members: ['a', 'b'],
  groups: ['first', 'second'],
  lines,
  ...more,
})
const spoken = transcript('a', [text('one', 5, true), text('two', 6, true), text('three', 9, true)])
const heard = (lines: Line[], more: Partial<Transcript> = {}) =>
  compare([spoken, transcript('b', lines, more)]).violations

describe('what two members hold of a conversation', () => {
  test('agrees', () => {
    expect(heard([text('one', 5), text('two', 6), text('three', 9)])).toEqual([])
  })

  test.each([
    ['lacks one', [text('one', 5), text('three', 9)], /"room two" at 6 is missing/],
    ['has one twice', [text('one', 5), text('two', 6), text('two', 7), text('three', 9)], /twice/],
    ['has another order', [text('two', 5), text('one', 6), text('three', 9)], /"room two" is at 5, not 6/],
    ['shows it in another order', [text('two', 6), text('one', 5), text('three', 9)], /out of the order/],
    [
      'has what nobody sent',
      [text('one', 5), text('two', 6), text('made up', 7), text('three', 9)],
      /nobody sent it/,
    ],
  ])('%s', (_, lines, complaint) => {
    expect(heard(lines)).toEqual([expect.stringMatching(complaint)])
  })

  describe('of two groups', () => {
    const later = (line: Line): Line => ({ ...line, group: 'second' })
    const two = transcript('a', [text('one', 5, true), later(text('two', 4, true))])
    const violations = (lines: Line[], more: Partial<Transcript> = {}) =>
      compare([two, transcript('b', lines, more)]).violations

    test('stands in the order of each', () => {
      expect(violations([text('one', 5), later(text('two', 4))])).toEqual([])
      expect(violations([later(text('two', 4)), text('one', 5)])).toEqual([])
    })

    test('is in the group in which it was sent', () => {
      expect(violations([text('one', 5), text('two', 6)])).toContainEqual(
        expect.stringMatching(/"room two" is in first at 6, not in second/),
      )
    })

    test('may be in the one before, where its sender has said it again for those who were not there', () => {
      const again = transcript('a', [later(text('two', 9, true))])
      for (const line of [text('two', 4), later(text('two', 9))])
        expect(compare([again, transcript('b', [line])]).violations).toEqual([])
    })

    test('may lack what was said in one that the member was never in', () => {
      expect(violations([text('one', 5)], { groups: ['first'] })).toEqual([])
      expect(violations([text('one', 5)])).toEqual([expect.stringMatching(/"room two" at 4 is missing/)])
    })
  })

  test('may begin late and end early', () => {
    const lines = [event('joined', 5), text('two', 6), event('you-were-removed', 8)]
    const there = { ...spoken, members: ['a'] }
    expect(compare([there, transcript('b', lines, { ready: false })])).toMatchObject({
      violations: [],
      checked: 1,
    })
  })

  test('ends where a person left, though what was typed before was stored later', () => {
    const lines = [text('one', 5), text('mine', 8, true), event('you-left', 5)]
    const there = { ...spoken, members: ['a'], lines: [...spoken.lines.slice(0, 2), text('mine', 8)] }
    const { violations } = compare([there, transcript('b', lines, { ready: false })])
    expect(violations).toEqual([])
  })

  test('may lack what a cause is shown for, which is counted', () => {
    const verdict = compare([
      spoken,
      transcript('b', [text('one', 5), unreadable('why', 6), text('three', 9)]),
    ])
    expect(verdict).toMatchObject({ violations: [], unreadable: { why: 1 } })
    expect(verdict.lost).toHaveLength(1)
  })

  test('is not complete while a text waits', () => {
    const waiting = { ...text('four', 0, true), state: 'waiting' }
    const own = transcript('a', [waiting])
    expect(compare([own, transcript('b', [])]).violations).toEqual(['room, a: "room four" is still waiting'])
  })

  test('is on all devices of an account', () => {
    const lines = [text('one', 5), text('two', 6), text('three', 9)]
    const [phone, laptop] = ['b', 'b2'].map(name => transcript(name, lines, { account: 'b' }))
    expect(compare([spoken, phone!, laptop!]).violations).toEqual([])
    const gone = { ...laptop!, conversation: 'another' }
    expect(compare([spoken, phone!, gone]).violations).toContainEqual('room, b: b2 is not in it')
  })

  test('does not lack what its writer was told of', () => {
    const failed = { ...text('four', 0, true), state: 'failed' }
    expect(compare([transcript('a', [failed]), transcript('b', [])]).violations).toEqual([])
  })

  test('is with the same members', () => {
    const lines = [text('one', 5), text('two', 6), text('three', 9)]
    expect(heard(lines, { members: ['b'] })).toEqual([expect.stringMatching(/knows b; a: a,b/)])
  })
})
