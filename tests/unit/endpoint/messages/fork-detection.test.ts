// The tag of what a device has seen: alike where two have seen the same, different where they have not, and silent
// where they cannot know.

import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { LogTagSchema } from '../../../../gen/parley/content/v1/content_pb.js'
import type { GroupChange } from '../../../../services/endpoint/groups/state/groups.js'
import { sequenceOf } from '../../../../services/endpoint/ids.js'
import {
  BROKEN_LOG,
  beginEpoch,
  differs,
  passEnvelope,
  presentTag,
} from '../../../../services/endpoint/messages/fork-detection.js'
import type { GroupState } from '../../../../services/endpoint/mls/engine.js'
import { recordOf } from '../../../../services/endpoint/vault/records.js'

/** As many as are remembered. */
const PLACES = 32

/** Nothing of it is looked at. */
const state = {} as GroupState

interface Seat {
  see(...envelopes: [sequence: number, text: string][]): Seat
  epoch(): Seat
  miss(): Seat
  /** Whether it finds what this one shows different. */
  differsFrom(other: Seat): boolean
  tag(): ReturnType<typeof presentTag>
}

/** A device in a group, of which only what the tag is made from is real. */
function seat(): Seat {
  let epochs = 0
  let record = recordOf('groups', { logBegins: true })
  const change = (what: GroupChange) => {
    record = { ...record, ...what }
  }
  const engine = { epochAuthenticator: () => Uint8Array.of(epochs) }
  const self: Seat = {
    see(...envelopes) {
      for (const [sequence, text] of envelopes)
        change(passEnvelope(engine, { record, state }, sequenceOf(BigInt(sequence)), Buffer.from(text)))
      return self
    },
    epoch() {
      epochs++
      change(beginEpoch({ record }))
      return self
    },
    miss() {
      change(BROKEN_LOG)
      return self
    },
    differsFrom(other) {
      const tag = other.tag()
      return differs({ record }, tag && create(LogTagSchema, tag))
    },
    tag: () => presentTag({ record }),
  }
  return self
}

describe('two who have seen', () => {
  test('the same agree', () => {
    const [a, b] = [seat().see([1, 'a'], [2, 'b']), seat().see([1, 'a'], [2, 'b'])]
    expect([a.differsFrom(b), b.differsFrom(a)]).toEqual([false, false])
  })

  test.each<[string, [number, string][]]>([
    [
      'another envelope in one place',
      [
        [1, 'a'],
        [2, 'x'],
        [3, 'c'],
      ],
    ],
    [
      'them in another order',
      [
        [1, 'b'],
        [2, 'a'],
        [3, 'c'],
      ],
    ],
    [
      'one less',
      [
        [1, 'a'],
        [3, 'c'],
      ],
    ],
    [
      'one more',
      [
        [1, 'a'],
        [2, 'b'],
        [3, 'y'],
        [4, 'c'],
      ],
    ],
  ])('%s differ', (_name, seen) => {
    const [a, b] = [seat().see([1, 'a'], [2, 'b'], [3, 'c']), seat().see(...seen)]
    a.see([5, 'later'])
    expect(a.differsFrom(b)).toBe(true)
  })

  test('less so far agree: the rest may be on its way', () => {
    const [ahead, behind] = [seat().see([1, 'a'], [2, 'b']), seat().see([1, 'a'])]
    expect([ahead.differsFrom(behind), behind.differsFrom(ahead)]).toEqual([false, false])
  })

  test('different things in an epoch that is over begin anew', () => {
    const [a, b] = [seat().see([1, 'a']), seat().see([1, 'x'])]
    for (const each of [a, b]) each.epoch().see([2, 'b'])
    expect(a.differsFrom(b)).toBe(false)
  })
})

test('nothing is shown before there is anything, nor at the beginning of an epoch', () => {
  expect(seat().tag()).toBeUndefined()
  expect(seat().see([1, 'a']).epoch().tag()).toBeUndefined()
})

test('who missed something neither shows nor compares, until the next epoch', () => {
  const [whole, broken] = [seat().see([1, 'a'], [2, 'b']), seat().see([1, 'a']).miss()]
  broken.see([2, 'x'])
  expect(broken.tag()).toBeUndefined()
  expect(broken.differsFrom(whole)).toBe(false)
  for (const each of [whole, broken]) each.epoch().see([3, 'c'])
  expect(broken.tag()).toEqual(whole.tag())
})

test('a late message of the last epoch is still compared', () => {
  const [a, b] = [seat().see([1, 'a'], [2, 'b']), seat().see([1, 'a'], [2, 'x'])]
  a.epoch()
  expect(a.differsFrom(b)).toBe(true)
})

test('two who see any course differ exactly where the courses do', () => {
  const course = fc.array(fc.string({ maxLength: 3 }), { minLength: 1, maxLength: PLACES })
  fc.assert(
    fc.property(course, fc.nat(), fc.boolean(), (texts, at, isAltered) => {
      const place = at % texts.length
      const [a, b] = [seat(), seat()]
      for (const [index, text] of texts.entries()) {
        a.see([index + 1, text])
        b.see([index + 1, isAltered && index === place ? `${text}!` : text])
      }
      expect(a.differsFrom(b)).toBe(isAltered)
    }),
  )
})

test('any tag of a stranger is compared without harm', () => {
  const begun = recordOf('groups', { logBegins: true })
  const engine = { epochAuthenticator: () => Uint8Array.of(1) }
  const passed = passEnvelope(engine, { record: begun, state }, sequenceOf(5n), Uint8Array.of(1))
  const group = { record: { ...begun, ...passed } }
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.uint8Array({ maxLength: 40 }),
      (sequence, hash) => {
        const expected = sequence === 5n
        expect(differs(group, create(LogTagSchema, { sequence, hash }))).toBe(expected)
      },
    ),
  )
})
