// Bytes of commits and welcomes with something changed: each is refused, or says what it said before.

import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { judgeCommit, type SeenCommit } from '../../../../services/protocol/conversation/commit-verdict.js'
import { ledgerHash } from '../../../../services/protocol/conversation/ledger.js'
import { makeRejoinStatement } from '../../../../services/protocol/conversation/rejoin-statement.js'
import { judgeWelcome } from '../../../../services/protocol/conversation/welcome-verdict.js'
import { GroupStory, keyChange } from '../../../support/chain-groups.js'
import { Person } from '../../../support/chain-people.js'
import { toyCrypto as crypto } from '../../../support/toy-crypto.js'

const [ada, bob, cyd, dan] = [1, 2, 3, 4].map(seed => new Person(crypto, seed, 2)) as [
  Person,
  Person,
  Person,
  Person,
]
const story = GroupStory.roomOf(crypto, [ada, bob, cyd])
const before = story.held
const { groupId, incarnation, state, epoch } = before
const request = { groupId, incarnation, head: state.head, lastEpoch: epoch }
const seen = story.commit({
  committer: ada.first.key,
  entries: story.entriesBy(ada, keyChange('add', dan), bob.leaving(state)),
  basis: {
    lists: [dan.list.encoded, cyd.relist(cyd.devices)],
    removals: [cyd.removal(cyd.devices[1]!)],
    rejoins: [makeRejoinStatement(crypto, request, { device: cyd.first.pair })],
  },
  removed: [cyd.first.key, bob.first.key],
  added: [cyd.leaf(), dan.leaf()],
})
const welcome = story.welcome(ada.first.key)

/** Bytes that are cut, put in, or turned. */
const change = fc.record({
  kind: fc.constantFrom('flip', 'cut', 'insert', 'repeat', 'swap'),
  at: fc.nat(),
  length: fc.integer({ min: 1, max: 40 }),
  byte: fc.integer({ min: 1, max: 255 }),
})
type ByteChange = typeof change extends fc.Arbitrary<infer T> ? T : never

function changed(bytes: Uint8Array, { kind, at, length, byte }: ByteChange): Uint8Array {
  const place = at % bytes.length
  const [head, part, rest] = [
    bytes.subarray(0, place),
    bytes.subarray(place, place + length),
    bytes.subarray(place + length),
  ].map(each => Buffer.from(each)) as [Buffer, Buffer, Buffer]
  if (kind === 'flip') part[0]! ^= byte
  if (kind === 'cut') return Buffer.concat([head, rest])
  if (kind === 'insert') return Buffer.concat([head, Buffer.alloc(length, byte), part, rest])
  if (kind === 'repeat') return Buffer.concat([head, part, part, rest])
  return kind === 'swap' ? Buffer.concat([head, part.reverse(), rest]) : Buffer.concat([head, part, rest])
}

const changes = fc.array(change, { minLength: 1, maxLength: 3 })
const mangled = (bytes: Uint8Array, all: readonly ByteChange[]): Uint8Array =>
  all.reduce((made, each) => (made.length > 0 ? changed(made, each) : made), bytes)

describe('with changed bytes', () => {
  test('a commit is refused, or does what it did', () => {
    const good = judgeCommit(crypto, before, seen)
    expect(good.isTaken).toBe(true)
    fc.assert(
      fc.property(fc.constantFrom('groupState' as const, 'basis' as const), changes, (field, all) => {
        const hostile: SeenCommit = { ...seen, [field]: mangled(seen[field]!, all) }
        const verdict = judgeCommit(crypto, before, hostile)
        if (verdict.isTaken) expect(verdict.after.state).toEqual(story.held.state)
      }),
      { numRuns: 2_000 },
    )
  })

  test('a welcome is refused, or shows what it showed', () => {
    const as = { deviceKey: dan.first.key, known: [] }
    const good = judgeWelcome(crypto, welcome, as)
    expect(good).toMatchObject({ isTaken: true, held: story.held })
    fc.assert(
      fc.property(fc.constantFrom('groupState' as const, 'joiner' as const), changes, (field, all) => {
        const verdict = judgeWelcome(crypto, { ...welcome, [field]: mangled(welcome[field]!, all) }, as)
        if (!verdict.isTaken) return
        // The incarnation is nowhere else: that nobody changes it is for MLS to say. A list may be written otherwise.
        const { incarnation, ledger } = verdict.held
        expect(verdict.held).toEqual({ ...story.held, incarnation, ledger })
        expect(ledgerHash(crypto, ledger)).toEqual(ledgerHash(crypto, story.held.ledger))
      }),
      { numRuns: 2_000 },
    )
  })
})
