import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { NO_COMMITS } from '../../../../services/server/store/commit-limits.js'
import {
  type ConversationFacts,
  changedBy,
  comingBack,
  firstVisible,
  lastDeleted,
  maySucceed,
  newConversation,
  type Span,
  succeededBy,
} from '../../../../services/server/store/facts.js'
import { CONVERSATION_ID, device, idOf } from './people.js'

const BEGUN = { id: CONVERSATION_ID, creator: idOf(0) }
const COMMIT = { by: 'commit', creates: false, cleared: [] } as const

const isSeen = (spans: readonly Span[], sequence: number) =>
  spans.some(({ joined, left }) => joined <= sequence && sequence <= (left ?? sequence))

/** Spans as commits make them: one after the other, only the last one open. */
const spans = fc
  .uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 7 })
  .map(numbers => numbers.sort((one, other) => one - other))
  .map(numbers =>
    numbers.flatMap((joined, index): Span[] =>
      index % 2 === 0
        ? [{ joined, joinedEpoch: 1, left: numbers[index + 1], leftShown: 100 + (numbers[index + 1] ?? 0) }]
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

const numbers = (sequence: number) => ({ sequence, shown: 100 + sequence, storedAt: 1_000 + sequence })

describe('a change', () => {
  const devices = [0, 1, 2, 3].map(key => device(key))

  test('keeps the roster and the spans in step, however often one joins and leaves', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { maxLength: 30 }), turns => {
        let now: ConversationFacts = newConversation(1, BEGUN)
        const before = JSON.stringify([...now.spans])
        const inside = new Set<number>()
        for (const [index, key] of turns.entries()) {
          const joins = !inside.has(key)
          if (joins) inside.add(key)
          else inside.delete(key)
          const change = { ...COMMIT, creates: index === 0, epoch: index + 1, sharedEpoch: index + 1 }
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
        expect(JSON.stringify([...newConversation(1, BEGUN).spans])).toBe(before)
      }),
    )
  })

  test('of a device that leaves again ends its last time there, and leaves the first as it was', () => {
    const joins = { ...COMMIT, epoch: 1, sharedEpoch: 1, joined: [devices[0]!], left: [] }
    const leaves = { ...joins, joined: [], left: [devices[0]!] }
    const spans = [joins, leaves, joins, leaves].reduce(
      (now, change, index) => changedBy(now, change, numbers(10 * (index + 1))),
      newConversation(1, BEGUN),
    ).spans
    expect(spans.get(0)).toEqual([
      { joined: 10, joinedEpoch: 1, left: 20, leftShown: 120 },
      { joined: 30, joinedEpoch: 1, left: 40, leftShown: 140 },
    ])
  })

  test('begins with a conversation that has nothing, and keeps its id apart', () => {
    const id = CONVERSATION_ID.slice()
    const begun = newConversation(7, { ...BEGUN, id })
    id.fill(0)
    expect(begun).toEqual({
      ...{ key: 7, id: CONVERSATION_ID, epoch: 0, lastCommit: 0, sharedEpoch: 0 },
      ...{ expiredThrough: 0, expiredShown: 0, commitsFreeAt: NO_COMMITS, successors: undefined },
      ...{
        creator: BEGUN.creator,
        members: new Map(),
        removed: new Map(),
        gone: new Map(),
        spans: new Map(),
      },
    })
  })

  test('leaves the value that it was made from as it is', () => {
    const before = changedBy(
      newConversation(1, BEGUN),
      { ...COMMIT, creates: true, epoch: 1, sharedEpoch: 1, joined: devices.slice(0, 2), left: [] },
      numbers(10),
    )
    const copy = structuredClone(before)
    changedBy(
      before,
      { ...COMMIT, epoch: 2, sharedEpoch: 2, joined: [devices[2]!], left: [devices[1]!] },
      numbers(11),
    )
    expect(before).toEqual(copy)
  })

  test('by one who leaves ends its time there, and its leaf stands until a commit removes it', () => {
    const begin = {
      ...COMMIT,
      creates: true,
      epoch: 1,
      sharedEpoch: 1,
      joined: devices.slice(0, 2),
      left: [],
    }
    const begun = changedBy(newConversation(1, BEGUN), begin, numbers(10))
    const leave = {
      ...COMMIT,
      by: 'leave',
      epoch: 1,
      sharedEpoch: 1,
      joined: [],
      left: [devices[1]!],
    } as const
    const without = changedBy(begun, leave, numbers(11))
    expect(without).toMatchObject({ epoch: 1, lastCommit: 10 })
    expect([[...without.members.keys()], [...without.gone.keys()]]).toEqual([[0], [1]])
    expect(without.spans.get(1)).toEqual([{ joined: 10, joinedEpoch: 1, left: 11, leftShown: 111 }])
    const removal = { ...COMMIT, epoch: 2, sharedEpoch: 1, joined: [], left: [], cleared: [devices[1]!] }
    const cleared = changedBy(without, removal, numbers(12))
    expect([[...cleared.members.keys()], [...cleared.gone.keys()]]).toEqual([[0], []])
    expect(cleared.spans.get(1)).toEqual(without.spans.get(1))
  })

  test('by commits is remembered with whom they removed, until it is added again; who left by itself is not', () => {
    const { begun, at, take } = removals()
    const without = take(begun, { left: [1, 2], joined: [2] }, 11)
    const first = { id: idOf(1), joinedEpoch: 1, sequence: 11, at: 1_011 }
    expect([[...without.members.keys()], [...without.removed]]).toEqual([[0, 3, 2], [[1, first]]])
    const left = changedBy(
      without,
      { ...COMMIT, by: 'leave', ...at(2), joined: [], left: [devices[3]!] },
      numbers(12),
    )
    expect([0, 1, 2, 3].filter(key => maySucceed(left, device(key)))).toEqual([0, 1, 2])
    const later = take(take(left, {}, 13), { left: [2] }, 14)
    const second = { id: idOf(2), joinedEpoch: 2, sequence: 14, at: 1_014 }
    expect([...later.removed]).toEqual([
      [1, first],
      [2, second],
    ])
    expect([...take(later, { joined: [1] }, 15).removed]).toEqual([[2, second]])
    expect(later.removed.size).toBe(2)
  })

  test('by commits that remove very many keeps those in mind that had come first', () => {
    const { begun, take } = removals()
    let now = take(begun, { left: [3] }, 11)
    const strangers = Array.from({ length: 1_100 }, (_, index) => device(100 + index))
    for (let from = 0; from < strangers.length; from += 100) {
      const some = strangers.slice(from, from + 100)
      const epoch = now.epoch + 1
      now = changedBy(now, { ...COMMIT, epoch, sharedEpoch: epoch, joined: some, left: [] }, numbers(epoch))
      now = changedBy(now, { ...COMMIT, epoch, sharedEpoch: epoch, joined: [], left: some }, numbers(epoch))
    }
    const last = take(now, { left: [1, 2] }, 90)
    expect(last.removed.size).toBe(1_000)
    for (const key of [1, 2, 3, 100, 1_096]) expect(last.removed.has(key)).toBe(true)
    for (const key of [1_097, 1_199]) expect(last.removed.has(key)).toBe(false)
  })

  test('of a successor puts those on the roster whom the last commit has removed, with the epoch that they know', () => {
    const { begun, take } = removals()
    const alone = take(begun, { left: [1, 2, 3] }, 11)
    const copy = structuredClone(alone)
    const by = { id: CONVERSATION_ID, sequence: 20, account: 1, now: 5, back: backWith(alone, 1) }
    const after = succeededBy(alone, by)
    expect(alone).toEqual(copy)
    expect([...after.members]).toEqual([0, 1, 2, 3].map(key => [key, idOf(key)]))
    expect(after).toMatchObject({
      epoch: 2,
      lastCommit: 11,
      removed: new Map(),
      successors: { sequence: 20 },
    })
    expect(after.spans.get(1)).toEqual([
      { joined: 10, joinedEpoch: 1, left: 11, leftShown: 111 },
      { joined: 20, joinedEpoch: 1, left: undefined, leftShown: 0 },
    ])
    const again = succeededBy(after, { ...by, sequence: 30, account: 2, back: backWith(after, 2) })
    expect([again.members, again.spans]).toEqual([after.members, after.spans])
    expect(again.successors).toMatchObject({
      sequence: 30,
      madeAt: new Map([
        [1, 5],
        [2, 5],
      ]),
    })
  })

  test('of a successor puts those on the roster whom earlier commits have removed and that go on', () => {
    const { begun, take } = removals()
    const now = take(take(begun, { left: [1, 2] }, 11), { left: [3] }, 12)
    expect([...backWith(now, 0).keys()]).toEqual([3])
    const by = { id: CONVERSATION_ID, account: 1, now: 5 }
    const after = succeededBy(now, { ...by, sequence: 20, back: backWith(now, 1) })
    expect([[...after.members.keys()], [...after.removed.keys()]]).toEqual([[0, 1, 3], [2]])
    const all = succeededBy(after, { ...by, account: 0, sequence: 21, back: backWith(after, 0, 2) })
    expect([[...all.members.keys()], [...all.removed.keys()]]).toEqual([[0, 1, 3, 2], []])
  })

  /** Those that a conversation of these devices puts on the roster of the one that it succeeds. */
  const backWith = (old: ConversationFacts, ...keys: number[]) =>
    comingBack(old, {
      ...{ ...COMMIT, creates: true, epoch: 1, sharedEpoch: 1, left: [] },
      joined: keys.map(key => device(key)),
    })

  /** A conversation of the devices 0 to 3, in epoch 1. */
  function removals() {
    const at = (epoch: number) => ({ epoch, sharedEpoch: 1 })
    const begin = { ...COMMIT, creates: true, ...at(1), joined: devices, left: [] }
    const begun = changedBy(newConversation(1, BEGUN), begin, numbers(10))
    const take = (
      now: ConversationFacts,
      { left = [], joined = [] }: { left?: number[]; joined?: number[] },
      sequence: number,
    ) => {
      const [leaving, joining] = [left, joined].map(keys => keys.map(key => devices[key]!))
      const change = { ...COMMIT, ...at(now.epoch + 1), left: leaving!, joined: joining! }
      return changedBy(now, change, numbers(sequence))
    }
    return { at, begun, take }
  }
})
