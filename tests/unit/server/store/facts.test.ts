import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  type ConversationFacts,
  changedBy,
  firstVisible,
  lastDeleted,
  newConversation,
  type Span,
} from '../../../../services/server/store/facts.js'
import { CONVERSATION_ID, device } from './people.js'

const isSeen = (spans: readonly Span[], sequence: number) =>
  spans.some(({ joined, left }) => joined <= sequence && sequence <= (left ?? sequence))

/** Spans as commits make them: one after the other, only the last one open. */
const spans = fc
  .uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 7 })
  .map(numbers => numbers.sort((one, other) => one - other))
  .map(numbers =>
    numbers.flatMap((joined, index): Span[] =>
      index % 2 === 0
        ? [{ joined, left: numbers[index + 1], leftShown: 100 + (numbers[index + 1] ?? 0) }]
        : [],
    ),
  )

describe('spans', () => {
  test('say what comes first and what came last, as going through all numbers does', () => {
    fc.assert(
      fc.property(spans, fc.nat(45), (some, at) => {
        const numbers = Array.from({ length: 100 }, (_, index) => index)
        expect(firstVisible(some, at)).toBe(numbers.find(number => number >= at && isSeen(some, number)))
        const last = numbers.findLast(number => number <= at && isSeen(some, number)) ?? 0
        const deleted = lastDeleted(some, { expiredThrough: at, expiredShown: 100 + at })
        expect(deleted).toEqual({ sequence: last, shown: last && 100 + last })
      }),
    )
  })
})

const numbers = (sequence: number) => ({ sequence, shown: 100 + sequence })

describe('a change', () => {
  const devices = [0, 1, 2, 3].map(key => device(key))

  test('keeps the roster and the spans in step, however often one joins and leaves', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { maxLength: 30 }), turns => {
        let now: ConversationFacts = newConversation(1, CONVERSATION_ID)
        const before = JSON.stringify([...now.spans])
        const inside = new Set<number>()
        for (const [index, key] of turns.entries()) {
          const joins = !inside.has(key)
          if (joins) inside.add(key)
          else inside.delete(key)
          const change = { creates: index === 0, epoch: index + 1, sharedEpoch: index + 1 }
          const of = { joined: joins ? [devices[key]!] : [], left: joins ? [] : [devices[key]!] }
          const next = changedBy(now, { ...change, ...of }, numbers(10 + index))
          expect(next).toMatchObject({ epoch: index + 1, lastCommit: 10 + index })
          expect([...next.members.keys()].sort()).toEqual([...inside].sort())
          for (const [member, own] of next.spans)
            expect(own.filter(({ left }) => left === undefined)).toHaveLength(inside.has(member) ? 1 : 0)
          // One who leaves reads the commit that removes it, and one who joins the one that adds it.
          expect(isSeen(next.spans.get(key)!, 10 + index)).toBe(true)
          expect(isSeen(next.spans.get(key)!, 11 + index)).toBe(joins)
          now = next
        }
        expect(JSON.stringify([...newConversation(1, CONVERSATION_ID).spans])).toBe(before)
      }),
    )
  })

  test('of a device that leaves again ends its last time there, and leaves the first as it was', () => {
    const joins = { creates: false, epoch: 1, sharedEpoch: 1, joined: [devices[0]!], left: [] }
    const leaves = { ...joins, joined: [], left: [devices[0]!] }
    const spans = [joins, leaves, joins, leaves].reduce(
      (now, change, index) => changedBy(now, change, numbers(10 * (index + 1))),
      newConversation(1, CONVERSATION_ID),
    ).spans
    expect(spans.get(0)).toEqual([
      { joined: 10, left: 20, leftShown: 120 },
      { joined: 30, left: 40, leftShown: 140 },
    ])
  })

  test('begins with a conversation that has nothing, and keeps its id apart', () => {
    const id = CONVERSATION_ID.slice()
    const begun = newConversation(7, id)
    id.fill(0)
    expect(begun).toEqual({
      ...{ key: 7, id: CONVERSATION_ID, epoch: 0, lastCommit: 0, sharedEpoch: 0 },
      ...{ expiredThrough: 0, expiredShown: 0 },
      ...{ members: new Map(), spans: new Map() },
    })
  })

  test('leaves the value that it was made from as it is', () => {
    const before = changedBy(
      newConversation(1, CONVERSATION_ID),
      { creates: true, epoch: 1, sharedEpoch: 1, joined: devices.slice(0, 2), left: [] },
      numbers(10),
    )
    const copy = structuredClone(before)
    changedBy(
      before,
      { creates: false, epoch: 2, sharedEpoch: 2, joined: [devices[2]!], left: [devices[1]!] },
      numbers(11),
    )
    expect(before).toEqual(copy)
  })
})
