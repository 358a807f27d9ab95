// The tag of what a device has seen: alike where two have seen the same, different where they have not, and silent
// where they cannot know.

import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { LogTagSchema } from '../../../../gen/parley/content/v1/content_pb.js'
import { sequenceOf } from '../../../../services/endpoint/ids.js'
import {
  beginEpoch,
  differs,
  FORKED_LOG,
  type Log,
  missPlaces,
  passEnvelope,
  presentTag,
  resume,
} from '../../../../services/endpoint/messages/fork-detection.js'
import { decoded, encoded, recordOf } from '../../../../services/endpoint/vault/records/schemas.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'

/** As many as are remembered. */
const PLACES = 32

const NONE: Log = { case: undefined }

const digestOf = (text: string): Uint8Array => crypto.sha256(Buffer.from(text))

/** As the vault gives it back. */
const saved = (log: Log): Log => decoded('groups', encoded('groups', recordOf('groups', { log }))).log

interface Seat {
  see(...envelopes: [sequence: number, text: string][]): Seat
  /** Begins the next epoch at this place. */
  epoch(place?: number): Seat
  miss(): Seat
  fork(): Seat
  /** Hears the other one's tag. */
  hears(other: Seat): Seat
  /** Whether it finds what this one shows different. */
  differsFrom(other: Seat): boolean
  tag(): ReturnType<typeof presentTag>
  log(): Log
}

/** A device in a group, of which only what the tag is made from is real. Its first epoch begins at place 0. */
function seat(): Seat {
  let epochs = 0
  const begun = (place: number) => ({
    sequence: sequenceOf(BigInt(place)),
    authenticator: Uint8Array.of(epochs),
  })
  let log = saved(beginEpoch(NONE, begun(0)))
  const change = (next: Log) => {
    log = saved(next)
    return self
  }
  const self: Seat = {
    see(...envelopes) {
      for (const [sequence, text] of envelopes)
        change(passEnvelope(log, { sequence: sequenceOf(BigInt(sequence)), digest: digestOf(text) }))
      return self
    },
    epoch(place = 0) {
      epochs++
      return change(beginEpoch(log, begun(place)))
    },
    miss: () => change(missPlaces(log)),
    fork: () => change(FORKED_LOG),
    hears: other => change(resume(log, tagOf(other))),
    differsFrom: other => differs(log, tagOf(other)),
    tag: () => presentTag(log),
    log: () => log,
  }
  return self
}

function tagOf(seat: Seat) {
  const tag = seat.tag()
  return tag && create(LogTagSchema, tag)
}

describe('the log of a group', () => {
  const cases = (...seats: Seat[]) => seats.map(each => each.log().case)
  const earlier = (log: Log) =>
    log.case === 'running' ? log.value.earlier.map(place => place.sequence) : undefined

  test('is none before an epoch has a place, and runs from there on', () => {
    const digest = digestOf('a')
    expect(passEnvelope(NONE, { sequence: sequenceOf(1n), digest })).toBe(NONE)
    expect(presentTag(NONE)).toBeUndefined()
    expect(seat().tag()?.sequence).toBe(0n)
    expect(cases(seat(), seat().see([1, 'a']), seat().see([1, 'a']).epoch(2))).toEqual([
      ...['running', 'running', 'running'],
    ])
  })

  test('remembers the last places, also those of the epoch before', () => {
    const device = seat().see([1, 'a'], [2, 'b']).epoch(3)
    expect(earlier(device.log())).toEqual([0n, 1n, 2n])
    device.see([4, 'c'])
    expect(earlier(device.log())).toEqual([0n, 1n, 2n, 3n])
    for (let sequence = 5; sequence <= PLACES + 2; sequence++) device.see([sequence, 'x'])
    expect(earlier(device.log())).toHaveLength(PLACES - 1)
    expect([earlier(device.log())?.[0], device.tag()?.sequence]).toEqual([3n, BigInt(PLACES + 2)])
  })

  test('that was forked, which was told, compares nothing before the next epoch', () => {
    const [whole, forked] = [seat().see([1, 'a'], [2, 'b']), seat().see([1, 'x']).fork()]
    forked.see([2, 'b']).miss().hears(whole)
    expect(cases(forked)).toEqual(['forked'])
    expect([forked.tag(), forked.differsFrom(whole)]).toEqual([undefined, false])
    for (const each of [whole, forked]) each.epoch(3).see([4, 'c'])
    expect(forked.tag()).toEqual(whole.tag())
  })
})

describe('a device that has missed something', () => {
  const courses = () =>
    [seat().see([1, 'a'], [2, 'b'], [3, 'c'], [4, 'd']), seat().see([1, 'a']).miss()] as const

  test('neither shows nor compares', () => {
    const [whole, behind] = courses()
    behind.see([3, 'c'])
    expect([behind.tag(), behind.differsFrom(whole)]).toEqual([undefined, false])
  })

  test('goes on from what a member shows of a place behind that, and is as whole as before', () => {
    const [whole, behind] = courses()
    behind.see([3, 'c'], [4, 'd']).hears(seat().see([1, 'a'], [2, 'b'], [3, 'c']))
    expect(behind.tag()).toEqual(whole.tag())
    behind.see([5, 'x'])
    whole.see([5, 'e'])
    expect(behind.differsFrom(whole)).toBe(true)
  })

  test.each<[string, Seat]>([
    ['a place before that', seat().see([1, 'a'])],
    ['a place that it has not come to', seat().see([1, 'a'], [2, 'b'], [3, 'c'], [4, 'd'], [5, 'e'])],
    ['nothing', seat().miss()],
  ])('does not go on from %s', (_, other) => {
    const [, behind] = courses()
    expect(behind.see([3, 'c']).hears(other).log().case).toBe('gap')
  })

  test('does not go on from a hash of another length', () => {
    const [, behind] = courses()
    const tag = create(LogTagSchema, { sequence: 3n, hash: new Uint8Array(16) })
    expect(resume(behind.see([3, 'c']).log(), tag).case).toBe('gap')
  })

  test('remembers as many places behind that as otherwise', () => {
    const behind = seat().miss()
    for (let sequence = 1; sequence <= PLACES + 5; sequence++) behind.see([sequence, 'x'])
    const log = behind.log()
    expect(log.case === 'gap' && log.value.passed.map(({ sequence }) => sequence)).toHaveLength(PLACES)
  })
})

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
    for (const each of [a, b]) each.epoch(2).see([3, 'b'])
    expect(a.differsFrom(b)).toBe(false)
  })

  test('an epoch begin at other places differ, before anything is said in it', () => {
    const [a, b] = [seat().see([1, 'a']).epoch(2), seat().see([1, 'a']).epoch(3)]
    expect(b.differsFrom(a)).toBe(true)
  })
})

test('a late message of the last epoch is still compared', () => {
  const [a, b] = [seat().see([1, 'a'], [2, 'b']), seat().see([1, 'a'], [2, 'x'])]
  a.epoch(3)
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
  const began = { sequence: sequenceOf(4n), authenticator: Uint8Array.of(1) }
  const log = passEnvelope(beginEpoch(NONE, began), { sequence: sequenceOf(5n), digest: digestOf('a') })
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.uint8Array({ maxLength: 40 }),
      (sequence, hash) => {
        const expected = sequence === 4n || sequence === 5n
        expect(differs(log, create(LogTagSchema, { sequence, hash }))).toBe(expected)
      },
    ),
  )
})
