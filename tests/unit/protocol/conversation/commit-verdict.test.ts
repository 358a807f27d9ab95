import { beforeEach, describe, expect, test } from '@jest/globals'
import { memberOf } from '../../../../services/protocol/conversation/chain/state.js'
import { decodeBasis, encodeBasis } from '../../../../services/protocol/conversation/commit-basis.js'
import { CommitRefused } from '../../../../services/protocol/conversation/commit-refusal.js'
import { planCommit } from '../../../../services/protocol/conversation/commit-verdict.js'
import { decodeGroupState, encodeGroupState } from '../../../../services/protocol/conversation/group-state.js'
import { makeRejoinStatement } from '../../../../services/protocol/conversation/rejoin-statement.js'
import { GroupStory, keyChange, reasonOf } from '../../../support/chain-groups.js'
import { Person } from '../../../support/chain-people.js'
import { toyCrypto as crypto } from '../../../support/toy-crypto.js'

const NOTHING = { lists: [], removals: [], rejoins: [] }

let room: GroupStory

const people = () => {
  const [one, two, three, four] = [1, 2, 3, 4].map(seed => new Person(crypto, seed, 2))
  return [one!, two!, three!, four!] as const
}
type People = ReturnType<typeof people>
let all: People

beforeEach(() => {
  all = people()
  room = GroupStory.roomOf(crypto, [all[0], all[1], all[2]])
})

const seats = (story: GroupStory) => story.held.leaves.length
const rejoinOf = (story: GroupStory, person: Person, lastEpoch = story.held.epoch) => {
  const { groupId, incarnation, state } = story.held
  return makeRejoinStatement(
    crypto,
    { groupId, incarnation, head: state.head, lastEpoch },
    { device: person.first.pair },
  )
}

describe('commits that are taken', () => {
  test('an admin adds people with their lists and leaves', () => {
    room.invite(all[0], [all[3]])
    expect(seats(room)).toBe(4)
    expect(memberOf(room.held.state, all[3].key)).toMatchObject({ isAdmin: false, added: 4 })
    expect(room.held).toMatchObject({ epoch: 2n })
  })

  test('an admin adds somebody without a leaf; any member adds their devices later', () => {
    const [ada, bob, , dan] = all
    room.commit({ committer: ada.first.key, entries: room.entriesBy(ada, keyChange('add', dan)) })
    expect(seats(room)).toBe(3)
    room.commit({
      committer: bob.first.key,
      basis: { lists: [dan.list.encoded] },
      added: dan.devices.map(device => dan.leaf(device)),
    })
    expect(seats(room)).toBe(5)
  })

  test('any member adds a further device of a member, and what it does needs no GroupState', () => {
    const [, bob, cyd] = all
    const seen = room.commit({ committer: bob.first.key, added: [cyd.leaf(cyd.devices[1])] })
    expect(seen.groupState).toBe(undefined)
    expect(seen.basis).toHaveLength(0)
    expect(seats(room)).toBe(4)
  })

  test('an admin removes somebody with all of their devices', () => {
    const [ada, , cyd] = all
    room.commit({ committer: ada.first.key, added: [cyd.leaf(cyd.devices[1])] })
    room.remove(ada, cyd)
    expect(room.devicesOf(cyd)).toEqual([])
    expect(memberOf(room.held.state, cyd.key)).toBe(undefined)
    expect(room.held.ledger.accounts).toHaveLength(2)
  })

  test('any member commits that another one leaves', () => {
    const [, bob, cyd] = all
    const entries = room.entriesBy(bob, cyd.leaving(room.held.state))
    room.commit({ committer: bob.first.key, entries, removed: [cyd.first.key] })
    expect(memberOf(room.held.state, cyd.key)).toBe(undefined)
  })

  test('any member brings a removal, and the device goes with it', () => {
    const [ada, bob, cyd] = all
    room.commit({ committer: ada.first.key, added: [cyd.leaf(cyd.devices[1])] })
    const gone = cyd.devices[1]!
    room.commit({
      committer: bob.first.key,
      basis: { removals: [cyd.removal(gone)] },
      removed: [gone.key],
    })
    expect(room.devicesOf(cyd)).toEqual([cyd.first.key])
  })

  test('any member brings a list, and the devices that it has not go with it', () => {
    const [, bob, cyd] = all
    const list = cyd.relist([cyd.devices[1]!])
    room.commit({
      committer: bob.first.key,
      basis: { lists: [list] },
      removed: [cyd.first.key],
      added: [cyd.leaf(cyd.devices[1])],
    })
    expect(room.devicesOf(cyd)).toEqual([cyd.devices[1]!.key])
  })

  test('any member takes a device out and in that asks for it, in one commit or in two', () => {
    const [, bob, cyd] = all
    const rejoins = [rejoinOf(room, cyd)]
    room.commit({
      committer: bob.first.key,
      basis: { rejoins },
      removed: [cyd.first.key],
      added: [cyd.leaf()],
    })
    expect(seats(room)).toBe(3)
    room.commit({
      committer: bob.first.key,
      basis: { rejoins: [rejoinOf(room, cyd)] },
      removed: [cyd.first.key],
    })
    expect(seats(room)).toBe(2)
    room.commit({ committer: bob.first.key, added: [cyd.leaf()] })
    expect(seats(room)).toBe(3)
  })

  test('a commit may carry the state as it is, to be rid of the entries', () => {
    const [, bob] = all
    const groupState = encodeGroupState(crypto, { ...room.held, epoch: room.held.epoch + 1n }, [])
    expect(room.attempt({ committer: bob.first.key, groupState })).toBe('taken')
  })

  test('a committer names a newer list in its path, if the commit brings it', () => {
    const [, bob] = all
    const list = bob.relist(bob.devices)
    expect(room.attempt({ committer: bob.first.key, path: bob.leaf(), groupState: undefined })).toBe(
      'wrong-leaf unknown-list',
    )
    room.commit({ committer: bob.first.key, path: bob.leaf(), basis: { lists: [list] } })
    expect(room.held.leaves.find(({ accountKey }) => accountKey === bob.key)?.list.number).toBe(2)
  })

  test('a direct conversation and one of own devices take further devices, lists and rejoins', () => {
    const [ada, bob] = all
    const direct = GroupStory.direct(crypto, ada, bob)
    direct.commit({ committer: bob.first.key, added: [bob.leaf(bob.devices[1])] })
    direct.commit({
      committer: ada.first.key,
      basis: { lists: [bob.relist([bob.devices[1]!])] },
      removed: [bob.first.key],
    })
    expect(direct.devicesOf(bob)).toEqual([bob.devices[1]!.key])
  })
})

describe('commits that are refused', () => {
  test('of somebody who has no leaf, or takes another identity', () => {
    const [ada, bob, , dan] = all
    expect(room.attempt({ committer: dan.first.key })).toBe('committer')
    expect(room.attempt({ committer: bob.first.key, path: bob.leaf(bob.devices[1]) })).toBe('committer')
    expect(room.attempt({ committer: bob.first.key, path: { ...bob.leaf(), accountKey: ada.key } })).toBe(
      'committer',
    )
  })

  test.each<
    [
      what: string,
      expected: string,
      plan: (story: GroupStory, all: People) => Parameters<GroupStory['attempt']>[0],
    ]
  >([
    [
      'an add by a member',
      'entry author-not-an-admin',
      (story, [, bob, , dan]) => ({
        committer: bob.first.key,
        entries: story.entriesBy(bob, keyChange('add', dan)),
      }),
    ],
    [
      'a leaf of a stranger',
      'wrong-leaf not-a-member',
      (_, [ada, , , dan]) => ({
        committer: ada.first.key,
        added: [dan.leaf()],
      }),
    ],
    [
      'a leaf of a stranger with its list',
      'idle-list',
      (_, [ada, , , dan]) => ({
        committer: ada.first.key,
        basis: { lists: [dan.list.encoded] },
        added: [dan.leaf()],
      }),
    ],
    [
      'a leaf without a list',
      'wrong-leaf no-list',
      (story, [ada, , , dan]) => ({
        committer: ada.first.key,
        entries: story.entriesBy(ada, keyChange('add', dan)),
        added: [dan.leaf()],
      }),
    ],
    [
      'a leaf of a device that is not listed',
      'wrong-leaf not-in-use',
      (_, [ada, bob]) => ({
        committer: ada.first.key,
        added: [bob.leaf(bob.addDevice())],
      }),
    ],
    [
      'two leaves of a device',
      'wrong-leaf second-leaf',
      (_, [ada, bob]) => ({
        committer: ada.first.key,
        added: [bob.leaf()],
      }),
    ],
    [
      'a leaf with another list of the same number',
      'wrong-leaf unknown-list',
      (_, [ada, bob]) => ({
        committer: ada.first.key,
        added: [bob.leaf(bob.devices[1], bob.listOf(bob.devices, { number: 1, issuedAt: 5 }))],
      }),
    ],
    [
      'the removal of a right leaf',
      'right-leaf-removed',
      (_, [ada, bob]) => ({
        committer: ada.first.key,
        removed: [bob.first.key],
      }),
    ],
    [
      'an account removed without its leaf',
      'wrong-leaf not-a-member',
      (story, [ada, bob]) => ({
        committer: ada.first.key,
        entries: story.entriesBy(ada, keyChange('remove', bob)),
      }),
    ],
    [
      'a removal without the leaf',
      'wrong-leaf not-in-use',
      (_, [ada, bob]) => ({
        committer: ada.first.key,
        basis: { removals: [bob.removal(bob.first)] },
      }),
    ],
    [
      'a leaf that is not there',
      'no-such-leaf',
      (_, [ada, , , dan]) => ({
        committer: ada.first.key,
        removed: [dan.first.key],
      }),
    ],
    [
      'the leaf of the committer',
      'no-such-leaf',
      (_, [ada]) => ({
        committer: ada.first.key,
        removed: [ada.first.key],
      }),
    ],
    [
      'one leaf twice',
      'no-such-leaf',
      (story, [ada, bob]) => ({
        committer: ada.first.key,
        entries: story.entriesBy(ada, keyChange('remove', bob)),
        removed: [bob.first.key, bob.first.key],
      }),
    ],
    [
      'an entry of somebody else',
      'foreign-entry',
      (story, [ada, bob, , dan]) => ({
        committer: bob.first.key,
        entries: story.entriesBy(ada, keyChange('add', dan)),
      }),
    ],
    [
      'a list that is known',
      'idle-list',
      (_, [ada, bob]) => ({
        committer: ada.first.key,
        basis: { lists: [bob.list.encoded] },
      }),
    ],
    [
      'a list twice',
      'idle-list',
      (_, [ada, bob]) => {
        const list = bob.relist(bob.devices)
        return { committer: ada.first.key, basis: { lists: [list, list] } }
      },
    ],
    [
      'no list at all',
      'bad-list',
      (_, [ada]) => ({
        committer: ada.first.key,
        basis: { lists: [new Uint8Array(9)] },
      }),
    ],
    [
      'no removal at all',
      'bad-removal',
      (_, [ada]) => ({
        committer: ada.first.key,
        basis: { removals: [new Uint8Array(9)] },
      }),
    ],
    [
      'a removal of a list that is not held',
      'idle-removal',
      (_, [ada, bob]) => {
        bob.relist(bob.devices)
        return { committer: ada.first.key, basis: { removals: [bob.removal(bob.devices[1]!)] } }
      },
    ],
    [
      'no rejoin at all',
      'bad-rejoin',
      (_, [ada]) => ({
        committer: ada.first.key,
        basis: { rejoins: [new Uint8Array(9)] },
      }),
    ],
    [
      'a rejoin that removes nothing',
      'idle-rejoin',
      (story, [ada, bob]) => ({
        committer: ada.first.key,
        basis: { rejoins: [rejoinOf(story, bob)] },
      }),
    ],
    [
      'two rejoins of one device',
      'idle-rejoin',
      (story, [ada, bob]) => ({
        committer: ada.first.key,
        basis: { rejoins: [rejoinOf(story, bob), rejoinOf(story, bob)] },
        removed: [bob.first.key],
      }),
    ],
    [
      'the rejoin of another device',
      'idle-rejoin',
      (story, [ada, bob, cyd]) => ({
        committer: ada.first.key,
        basis: { rejoins: [rejoinOf(story, cyd)] },
        entries: story.entriesBy(ada, keyChange('remove', bob)),
        removed: [bob.first.key],
      }),
    ],
    [
      'a leave by a device that is not in use',
      'leave-not-in-use',
      (story, [ada, bob]) => ({
        committer: ada.first.key,
        entries: story.entriesBy(ada, bob.leaving(story.held.state, bob.addDevice())),
        removed: [bob.first.key],
      }),
    ],
    [
      'its own committer made wrong',
      'wrong-leaf not-in-use',
      (_, [, bob]) => ({
        committer: bob.first.key,
        basis: { lists: [bob.relist([bob.devices[1]!])] },
      }),
    ],
  ])('with %s: %s', (_, expected, plan) => {
    expect(room.attempt(plan(room, all))).toBe(expected)
  })

  test('with an entry of another epoch or another group', () => {
    const [ada, , , dan] = all
    const late = room.entriesBy(ada, keyChange('add', dan))
    room.update(all[1])
    expect(room.attempt({ committer: ada.first.key, entries: late })).toBe('other-epoch')
    const other = new GroupStory(crypto, { ...room.held, groupId: new Uint8Array(16) }, [])
    const foreign = other.entriesBy(ada, keyChange('add', dan))
    expect(room.attempt({ committer: ada.first.key, entries: foreign })).toBe('other-group')
  })

  test('with more leaves than a group may have', () => {
    const [, bob, cyd] = all
    const added = Array(248).fill(cyd.leaf(cyd.devices[1]))
    expect(room.attempt({ committer: bob.first.key, added })).toBe('too-many-leaves')
    expect(room.attempt({ committer: bob.first.key, added: added.slice(1) })).toBe('wrong-leaf second-leaf')
  })

  test('without a GroupState where it changes what that says, or with another one', () => {
    const [ada, bob, , dan] = all
    const invite = {
      committer: ada.first.key,
      entries: room.entriesBy(ada, keyChange('add', dan)),
      basis: { lists: [dan.list.encoded] },
    }
    // Without the GroupState the entries are not there, and the list is of a stranger.
    expect(room.attempt({ ...invite, groupState: undefined })).toBe('group-state')
    expect(room.attempt(invite)).toBe('group-state')
    const { after } = planCommit(crypto, room.held, invite)
    const wrong = [
      { ...after, incarnation: 2 },
      { ...after, state: room.held.state },
      { ...after, state: { ...after.state, number: 9 } },
      { ...after, state: { ...after.state, id: new Uint8Array(32) } },
      { ...after, state: { ...after.state, head: new Uint8Array(32) } },
      { ...after, ledger: room.held.ledger },
    ]
    for (const as of wrong) expect(room.attempt({ ...invite, as })).toBe('group-state')
    expect(room.attempt({ ...invite, as: after })).toBe('taken')
    expect(room.attempt({ committer: bob.first.key, as: { ...room.held, incarnation: 2 } })).toBe(
      'group-state',
    )
  })

  test('with what cannot be read, or more than anybody reads', () => {
    const [, bob] = all
    const committer = bob.first.key
    const seen = { committer, basis: new Uint8Array(), added: [], removed: [] }
    const reason = (of: object) => {
      const verdict = room.judge({ ...seen, ...of })
      return verdict.isTaken ? 'taken' : reasonOf(verdict.why)
    }
    expect(reason({})).toBe('taken')
    expect(reason({ basis: new Uint8Array(9) })).toBe('malformed')
    expect(reason({ groupState: new Uint8Array(9) })).toBe('malformed')
    expect(reason({ groupState: new Uint8Array() })).toBe('malformed')
    for (const [field, most] of Object.entries({ lists: 256, removals: 4096, rejoins: 32 })) {
      const of = (count: number) => Array.from({ length: count }, () => new Uint8Array(1))
      expect(decodeBasis(encodeBasis({ ...NOTHING, [field]: of(most) }))).toMatchObject({
        [field]: of(most),
      })
      expect(decodeBasis(encodeBasis({ ...NOTHING, [field]: of(most + 1) }))).toBe(undefined)
    }
    expect(decodeBasis(new Uint8Array(2 * 1024 * 1024 + 1))).toBe(undefined)
    expect(decodeGroupState(new Uint8Array(4 * 1024 * 1024 + 64 * 1024 + 1))).toBe(undefined)
  })

  test('an honest program does not make what others refuse', () => {
    const [, bob, , dan] = all
    const entries = room.entriesBy(bob, keyChange('add', dan))
    expect(() => planCommit(crypto, room.held, { committer: bob.first.key, entries })).toThrow(CommitRefused)
  })
})
