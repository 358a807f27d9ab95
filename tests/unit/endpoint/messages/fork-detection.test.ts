// The tag of what a device has seen: alike where two have seen the same, different where they have not, and silent
// where they cannot know.

import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { LogTagSchema } from '../../../../gen/parley/content/v1/content_pb.js'
import { sequenceOf } from '../../../../services/endpoint/ids.js'
import {
  BROKEN_LOG,
  beginEpoch,
  differs,
  type Log,
  passEnvelope,
  presentTag,
} from '../../../../services/endpoint/messages/fork-detection.js'
import { decoded, encoded, recordOf } from '../../../../services/endpoint/vault/records/schemas.js'

/** As many as are remembered. */
const PLACES = 32

const FRESH: Log = recordOf('groups', { log: { case: 'fresh', value: {} } }).log

/** As the vault gives it back. */
const saved = (log: Log): Log => decoded('groups', encoded('groups', recordOf('groups', { log }))).log

interface Seat {
  see(...envelopes: [sequence: number, text: string][]): Seat
  epoch(): Seat
  miss(): Seat
  /** Whether it finds what this one shows different. */
  differsFrom(other: Seat): boolean
  tag(): ReturnType<typeof presentTag>
  log(): Log
}

/** A device in a group, of which only what the tag is made from is real. */
function seat(): Seat {
  let epochs = 0
  let log = FRESH
  const self: Seat = {
    see(...envelopes) {
      for (const [sequence, text] of envelopes) {
        const envelope = { sequence: sequenceOf(BigInt(sequence)), ciphertext: Buffer.from(text) }
        log = saved(passEnvelope(log, envelope, () => Uint8Array.of(epochs)))
      }
      return self
    },
    epoch() {
      epochs++
      log = saved(beginEpoch(log))
      return self
    },
    miss() {
      log = saved(BROKEN_LOG)
      return self
    },
    differsFrom(other) {
      const tag = other.tag()
      return differs(log, tag && create(LogTagSchema, tag))
    },
    tag: () => presentTag(log),
    log: () => log,
  }
  return self
}

describe('the log of a group', () => {
  const cases = (...seats: Seat[]) => seats.map(each => each.log().case)
  const earlier = (log: Log) =>
    log.case === 'fresh' || log.case === 'running'
      ? log.value.earlier.map(place => place.sequence)
      : undefined

  test('runs from the first envelope of an epoch on, and begins anew with the next epoch', () => {
    expect(cases(seat(), seat().see([1, 'a']), seat().see([1, 'a']).epoch())).toEqual([
      ...['fresh', 'running', 'fresh'],
    ])
  })

  test('is broken by what is missing, whatever it was, and until the next epoch', () => {
    const broken = [seat().miss(), seat().see([1, 'a']).miss(), seat().miss().miss()]
    for (const each of broken) each.see([2, 'b'])
    expect(cases(...broken)).toEqual(['broken', 'broken', 'broken'])
    expect(cases(...broken.map(each => each.epoch()))).toEqual(['fresh', 'fresh', 'fresh'])
    for (const each of broken) expect(earlier(each.log())).toEqual([])
  })

  test('remembers the last places, also those of the epoch before', () => {
    const device = seat().see([1, 'a'], [2, 'b']).epoch()
    expect(earlier(device.log())).toEqual([1n, 2n])
    device.see([3, 'c'])
    expect(earlier(device.log())).toEqual([1n, 2n])
    for (let sequence = 4; sequence <= PLACES + 2; sequence++) device.see([sequence, 'x'])
    expect(earlier(device.log())).toHaveLength(PLACES - 1)
    expect([earlier(device.log())?.[0], device.tag()?.sequence]).toEqual([3n, BigInt(PLACES + 2)])
  })

  test('asks for what the epoch begins with where it begins, and only there', () => {
    let asked = 0
    const authenticator = () => Uint8Array.of(++asked)
    const at = (place: bigint) => ({ sequence: sequenceOf(place), ciphertext: Uint8Array.of(1) })
    let log = passEnvelope(FRESH, at(1n), authenticator)
    log = passEnvelope(log, at(2n), authenticator)
    expect(asked).toBe(1)
    expect(passEnvelope(BROKEN_LOG, at(3n), authenticator)).toBe(BROKEN_LOG)
    passEnvelope(beginEpoch(log), at(3n), authenticator)
    expect(asked).toBe(2)
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
  const log = passEnvelope(FRESH, { sequence: sequenceOf(5n), ciphertext: Uint8Array.of(1) }, () =>
    Uint8Array.of(1),
  )
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.uint8Array({ maxLength: 40 }),
      (sequence, hash) => {
        const expected = sequence === 5n
        expect(differs(log, create(LogTagSchema, { sequence, hash }))).toBe(expected)
      },
    ),
  )
})
