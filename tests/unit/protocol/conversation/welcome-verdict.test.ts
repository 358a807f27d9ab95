import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ConversationKind, SignedChainEntrySchema } from '../../../../gen/parley/content/v1/chain_pb.js'
import { encodeGroupState } from '../../../../services/protocol/conversation/group-state.js'
import { foundGroup, sealingGroup } from '../../../../services/protocol/conversation/held-group.js'
import { encodeJoiner } from '../../../../services/protocol/conversation/joiner.js'
import { makeRejoinStatement } from '../../../../services/protocol/conversation/rejoin-statement.js'
import { successorFault, takesPlaceOf } from '../../../../services/protocol/conversation/successor.js'
import { judgeWelcome, type OwnGroup } from '../../../../services/protocol/conversation/welcome-verdict.js'
import {
  type OpenedWelcome,
  readWelcomed,
} from '../../../../services/protocol/conversation/welcomed-group.js'
import { GroupStory, keyChange, reasonOf } from '../../../support/chain-groups.js'
import { ChainWriter, Person } from '../../../support/chain-people.js'
import { toyCrypto as crypto } from '../../../support/toy-crypto.js'

const people = () => [1, 2, 3, 4].map(seed => new Person(crypto, seed, 2)) as [Person, Person, Person, Person]
let [ada, bob, cyd, dan] = people()
let room: GroupStory

beforeEach(() => {
  ;[ada, bob, cyd, dan] = people()
  room = GroupStory.roomOf(crypto, [ada, bob, cyd])
})

/** The group as a device keeps it. */
const known = ({ held }: GroupStory, of: Partial<OwnGroup> = {}): OwnGroup => ({
  ...held,
  isOut: false,
  askedAt: undefined,
  ...of,
})

const judged = (welcome: OpenedWelcome, person: Person, groups: readonly OwnGroup[] = []): string => {
  const verdict = judgeWelcome(crypto, welcome, { deviceKey: person.first.key, known: groups })
  return verdict.isTaken ? verdict.reason : reasonOf(verdict.why)
}

/** The next group of a conversation, founded by a member who adds the others. */
function successorOf(
  story: GroupStory,
  founder: Person,
  others: readonly Person[],
  of: { group?: number; incarnation?: number; accounts?: typeof story.held.ledger.accounts } = {},
): GroupStory {
  const { state, incarnation, ledger } = story.held
  const next = foundGroup({
    groupId: new Uint8Array(16).fill(of.group ?? 8),
    incarnation: of.incarnation ?? incarnation + 1,
    state,
    founder: founder.leaf(),
    accounts: of.accounts ?? ledger.accounts,
  })
  const successor = new GroupStory(crypto, next, story.entries)
  successor.commit({ committer: founder.first.key, added: others.map(each => each.leaf()) })
  return successor
}

describe('what a welcome shows', () => {
  test('is worked out from the chain and the lists, and is what the members hold', () => {
    room.invite(ada, [dan])
    expect(readWelcomed(crypto, room.welcome(ada.first.key)).held).toEqual(room.held)
  })

  test('so it is in a group with removed leaves, removals and lists that fork', () => {
    room.commit({ committer: ada.first.key, added: [cyd.leaf(cyd.devices[1])] })
    const removals = [cyd.removal(cyd.devices[1]!)]
    room.commit({ committer: bob.first.key, basis: { removals }, removed: [cyd.devices[1]!.key] })
    const fork = bob.listOf(bob.devices, { number: 1, issuedAt: 5 })
    room.commit({ committer: ada.first.key, basis: { lists: [fork.encoded] } })
    expect(readWelcomed(crypto, room.welcome(ada.first.key)).held).toEqual(room.held)
  })

  test.each<[what: string, expected: string, of: (story: GroupStory) => Partial<OpenedWelcome>]>([
    ['no state', 'malformed', () => ({ groupState: undefined })],
    ['no joiner', 'malformed', () => ({ joiner: undefined })],
    ['hostile bytes', 'malformed', () => ({ joiner: new Uint8Array(5) })],
    [
      'an incarnation that is none',
      'malformed',
      ({ held }) => ({ groupState: encodeGroupState(crypto, { ...held, incarnation: 0 }, []) }),
    ],
    ['no chain', 'chain creation', ({ held }) => ({ joiner: encodeJoiner(held.ledger, []) })],
    [
      'a chain that ends sooner',
      'group-state',
      ({ held, entries }) => ({
        joiner: encodeJoiner(held.ledger, entries.slice(0, -1)),
      }),
    ],
    [
      'a chain that breaks a rule',
      'chain malformed',
      ({ held, entries }) => ({
        joiner: encodeJoiner(held.ledger, [...entries, create(SignedChainEntrySchema)]),
      }),
    ],
    [
      'a list left out',
      'group-state',
      ({ held, entries }) => ({
        joiner: encodeJoiner({ ...held.ledger, accounts: held.ledger.accounts.slice(1) }, entries),
      }),
    ],
    [
      'a removed leaf more',
      'group-state',
      ({ held, entries }) => ({
        joiner: encodeJoiner({ ...held.ledger, removed: [{ deviceKey: bob.first.key, epoch: 0n }] }, entries),
      }),
    ],
    [
      'another state',
      'group-state',
      ({ held }) => ({
        groupState: encodeGroupState(crypto, { ...held, state: { ...held.state, head: held.state.id } }, []),
      }),
    ],
    ['too many leaves', 'too-many-leaves', ({ held }) => ({ leaves: Array(251).fill(held.leaves[0]) })],
    [
      'the leaf of a stranger',
      'wrong-leaf not-a-member',
      ({ held }) => ({
        leaves: [...held.leaves, new Person(crypto, 9).leaf()],
      }),
    ],
    ['no leaf of its signer', 'no-such-leaf', () => ({ signer: dan.first.key })],
    ['no leaf of its receiver', 'no-such-leaf', ({ held }) => ({ leaves: held.leaves.slice(0, 1) })],
  ])('with %s is refused: %s', (_, expected, of) => {
    expect(judged({ ...room.welcome(ada.first.key), ...of(room) }, cyd)).toBe(expected)
  })

  test('of a direct conversation is between these two, and has no chain', () => {
    const direct = GroupStory.direct(crypto, ada, bob)
    const welcome = direct.welcome(ada.first.key)
    expect(judged(welcome, bob)).toBe('first')
    expect(judged({ ...welcome, joiner: encodeJoiner(direct.held.ledger, room.entries) }, bob)).toBe(
      'chain no-chain',
    )
    const third = { ...direct.held, leaves: [...direct.held.leaves, cyd.leaf()] }
    expect(judged({ ...welcome, leaves: third.leaves }, bob)).toBe('wrong-leaf not-a-member')
    expect(
      judged(GroupStory.fixed(crypto, ConversationKind.OWN_DEVICES, [ada]).welcome(ada.first.key), bob),
    ).toBe('no-such-leaf')
  })
})

describe('a device that knows the conversation', () => {
  test('does not join the group that it is in, unless it asked', () => {
    const before = known(room)
    room.update(ada)
    const welcome = room.welcome(ada.first.key)
    expect(judged(welcome, cyd, [before])).toBe('not-asked')
    expect(judged(welcome, cyd, [{ ...before, askedAt: 1n }])).toBe('rejoin')
    // A welcome of before is no answer.
    expect(judged(welcome, cyd, [{ ...before, askedAt: 2n }])).toBe('not-asked')
  })

  test('joins again when it was out and is in again, and by no old welcome', () => {
    const first = room.welcome(ada.first.key)
    room.remove(ada, cyd)
    const out = known(room, { isOut: true })
    expect(judged(first, cyd, [out])).toBe('other-chain')
    room.invite(ada, [cyd])
    expect(judged(room.welcome(ada.first.key), cyd, [out])).toBe('return')
  })

  test('that was out is not led back to an epoch that is over, nor into another incarnation of the group', () => {
    room.remove(ada, cyd)
    room.invite(ada, [cyd])
    const welcome = room.welcome(ada.first.key)
    const { epoch } = room.held
    expect(judged(welcome, cyd, [known(room, { isOut: true, epoch })])).toBe('not-asked')
    expect(judged(welcome, cyd, [known(room, { isOut: true, epoch: epoch - 1n })])).toBe('return')
    expect(judged(welcome, cyd, [known(room, { isOut: true, epoch: 0n, incarnation: 2 })])).toBe(
      'not-the-next',
    )
  })

  test('joins nothing whose chain does not go on from its head, even if it asked', () => {
    const twin = GroupStory.roomOf(crypto, [ada, bob, cyd])
    twin.commit({ committer: ada.first.key, entries: twin.entriesBy(ada, keyChange('make-admin', bob)) })
    room.commit({ committer: ada.first.key, entries: room.entriesBy(ada, keyChange('make-admin', cyd)) })
    expect(judged(twin.welcome(ada.first.key), cyd, [known(room, { askedAt: 0n })])).toBe('other-chain')
  })

  test('joins no other conversation under the id of a group that it knows', () => {
    const other = new ChainWriter(crypto)
    const state = other.create(ada, 2)
    expect(judged(room.welcome(ada.first.key), cyd, [known(room, { state })])).toBe('other-conversation')
  })

  test('is in two groups of a direct conversation that both began, and seals in one of them', () => {
    const one = GroupStory.direct(crypto, ada, bob)
    const other = GroupStory.direct(crypto, bob, ada)
    other.held = { ...other.held, groupId: new Uint8Array(16).fill(5) }
    expect(judged(other.welcome(bob.first.key), ada, [known(one)])).toBe('parallel')
    const sealing = sealingGroup(crypto, [one.held, other.held])
    expect(sealing).toBe(sealingGroup(crypto, [other.held, one.held]))
    const lower = [one.held, other.held]
      .map(({ groupId }) => Buffer.from(crypto.sha256(groupId)))
      .sort(Buffer.compare)[0]
    expect(Buffer.from(crypto.sha256(sealing!.groupId))).toEqual(lower)
    const next = { ...other.held, groupId: new Uint8Array(16), incarnation: 2 }
    expect(sealingGroup(crypto, [one.held, next, other.held])).toBe(next)
    expect(sealingGroup(crypto, [])).toBe(undefined)
    // Where one that was begun anew did not come, the one behind it is as good.
    other.held = { ...other.held, incarnation: 7 }
    expect(judged(other.welcome(bob.first.key), ada, [known(one)])).toBe('successor')
    expect(judged(one.welcome(ada.first.key), bob, [known(other)])).toBe('outdated')
  })
})

describe('a successor', () => {
  const verdict = (successor: GroupStory, of: Partial<OwnGroup> = {}) =>
    judged(successor.welcome(bob.first.key), cyd, [known(room, of)])

  test('of the next incarnation is joined, whoever of the members founds it', () => {
    expect(verdict(successorOf(room, bob, [ada, cyd]))).toBe('successor')
  })

  test('may have removed somebody, if the founder is entitled to', () => {
    const successor = successorOf(room, ada, [cyd])
    const entries = successor.entriesBy(ada, keyChange('remove', bob))
    successor.commit({ committer: ada.first.key, entries })
    expect(judged(successor.welcome(ada.first.key), cyd, [known(room)])).toBe('successor')
  })

  test('of a later incarnation is joined by those who asked for it, or were out', () => {
    const later = successorOf(room, bob, [ada, cyd], { incarnation: 4 })
    expect(verdict(later)).toBe('not-the-next')
    expect(verdict(later, { askedAt: 1n })).toBe('rejoin')
    expect(verdict(later, { isOut: true })).toBe('return')
  })

  test('of the same or an earlier incarnation is none', () => {
    expect(verdict(successorOf(room, bob, [ada, cyd], { incarnation: 1 }))).toBe('outdated')
    expect(verdict(successorOf(room, bob, [ada, cyd]), { incarnation: 3 })).toBe('outdated')
  })

  test('does not go back behind the known head', () => {
    const before = new GroupStory(crypto, room.held, room.entries)
    room.remove(ada, bob)
    expect(verdict(successorOf(before, bob, [ada, cyd]))).toBe('other-chain')
  })

  test('does not forget lists and removals that the old group had', () => {
    const old = room.held.ledger.accounts
    room.commit({ committer: ada.first.key, basis: { lists: [cyd.relist(cyd.devices)] } })
    const successor = successorOf(room, bob, [ada], { accounts: old })
    expect(judged(successor.welcome(bob.first.key), ada, [known(room)])).toBe('forgotten-list')
  })

  test('does so for nobody, whether they asked or were out', () => {
    const old = room.held.ledger.accounts
    room.commit({ committer: ada.first.key, basis: { lists: [cyd.relist(cyd.devices)] } })
    const successor = successorOf(room, bob, [ada], { accounts: old })
    for (const of of [{ askedAt: 1n }, { isOut: true }])
      expect(judged(successor.welcome(bob.first.key), ada, [known(room, of)])).toBe('forgotten-list')
  })

  test('is one for its fault alone, also where nobody is welcomed', () => {
    const of = (story: GroupStory, signer = bob) => readWelcomed(crypto, story.welcome(signer.first.key))
    const next = of(successorOf(room, bob, [ada, cyd]))
    expect(successorFault(room.held, next)).toBe(undefined)
    const other = new ChainWriter(crypto)
    other.create(ada, 2)
    expect(successorFault({ ...room.held, state: other.state! }, next)).toBe('other-conversation')
    expect(successorFault({ ...room.held, groupId: next.held.groupId }, next)).toBe('same-group')
    expect(successorFault({ ...room.held, incarnation: 2 }, next)).toBe('not-the-next')
    const { state } = room.held
    expect(successorFault({ ...room.held, state: { ...state, head: new Uint8Array(32) } }, next)).toBe(
      'other-chain',
    )
    room.commit({ committer: ada.first.key, basis: { lists: [cyd.relist(cyd.devices)] } })
    expect(successorFault(room.held, next)).toBe('forgotten-list')
  })

  test('brings entries of groups that were between them, and none of the one before', () => {
    const successor = successorOf(room, bob, [ada, cyd])
    const { held } = successor
    const broughtFrom = (groupId: Uint8Array<ArrayBuffer>) => {
      const chain = new ChainWriter(crypto)
      chain.state = held.state
      chain.groupId = groupId
      const state = chain.write(ada, keyChange('make-admin', bob))
      const next = new GroupStory(crypto, { ...held, state }, [...successor.entries, ...chain.entries])
      return judged(next.welcome(bob.first.key), cyd, [known(room)])
    }
    expect(broughtFrom(new Uint8Array(16))).toBe('successor')
    expect(broughtFrom(new Uint8Array(room.held.groupId))).toBe('foreign-entry')
  })

  describe('of several', () => {
    /** All begin with the same entries; each has so many of them, up to four. */
    const holding = (number: number): OwnGroup => {
      const { state } = room.held
      const heads = state.heads.slice(0, number)
      return { ...known(room), state: { ...state, number, heads, head: heads.at(-1)! } }
    }
    beforeEach(() => void room.invite(ada, [dan]))

    test('the last one in the order takes the place of others, unless it has less of the chain', () => {
      expect(takesPlaceOf(holding(3), holding(3), { isLater: true })).toBe(true)
      expect(takesPlaceOf(holding(3), holding(3), { isLater: false })).toBe(false)
      expect(takesPlaceOf(holding(3), holding(2), { isLater: true })).toBe(false)
      expect(takesPlaceOf(holding(2), holding(3), { isLater: false })).toBe(true)
      expect(room.held.state.number).toBe(4)
      const { state } = holding(3)
      const forked = { ...holding(3), state: { ...state, heads: state.heads.map(() => new Uint8Array(32)) } }
      expect(takesPlaceOf(holding(2), forked, { isLater: true })).toBe(false)
    })

    test('all who are let into that one use it in the end, whichever others came to them, and in which order', () => {
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 }),
          fc.array(fc.nat(7), { maxLength: 12 }),
          fc.nat(12),
          (lengths, came, at) => {
            const longest = Math.max(...lengths)
            const last = lengths.lastIndexOf(longest)
            const welcomes = came.filter(place => place < lengths.length)
            welcomes.splice(Math.min(at, welcomes.length), 0, last)
            const used = welcomes.reduce((place, next) =>
              takesPlaceOf(holding(lengths[place]!), holding(lengths[next]!), { isLater: next > place })
                ? next
                : place,
            )
            expect(used).toBe(last)
          },
        ),
      )
    })
  })

  test('is founded by nobody whose leaf is wrong', () => {
    expect(() => successorOf(room, dan, [ada])).toThrow(RangeError)
  })

  test('takes devices in by requests of its own group alone', () => {
    const successor = successorOf(room, bob, [ada, cyd])
    const { groupId, incarnation, state, epoch } = room.held
    const request = makeRejoinStatement(
      crypto,
      { groupId, incarnation, head: state.head, lastEpoch: epoch },
      { device: cyd.first.pair },
    )
    expect(
      successor.attempt({
        committer: ada.first.key,
        basis: { rejoins: [request] },
        removed: [cyd.first.key],
      }),
    ).toBe('rejoin other-group')
  })
})
