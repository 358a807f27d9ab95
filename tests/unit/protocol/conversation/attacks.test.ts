// Somebody with a modified program, alone or with the server, wants something in a conversation and does not get it.
// Each honest member judges as the one here does: by what the group holds.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { ConversationKind } from '../../../../gen/parley/content/v1/chain_pb.js'
import { checkChain, goesOnFrom } from '../../../../services/protocol/conversation/chain/chain.js'
import { fixedState, memberOf } from '../../../../services/protocol/conversation/chain/state.js'
import { judgeCommit } from '../../../../services/protocol/conversation/commit-verdict.js'
import { encodeGroupState } from '../../../../services/protocol/conversation/group-state.js'
import { foundGroup } from '../../../../services/protocol/conversation/held-group.js'
import { encodeJoiner } from '../../../../services/protocol/conversation/joiner.js'
import { withList } from '../../../../services/protocol/conversation/ledger.js'
import { makeRejoinStatement } from '../../../../services/protocol/conversation/rejoin-statement.js'
import { judgeWelcome, type OwnGroup } from '../../../../services/protocol/conversation/welcome-verdict.js'
import {
  type OpenedWelcome,
  readWelcomed,
} from '../../../../services/protocol/conversation/welcomed-group.js'
import { knownDevices } from '../../../../services/protocol/identity/devices-in-use.js'
import { sameKey } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { GroupStory, keyChange, reasonOf } from '../../../support/chain-groups.js'
import { ChainWriter, ELSEWHERE, Person } from '../../../support/chain-people.js'

type People = [ada: Person, bob: Person, cyd: Person, mal: Person]
let [ada, bob, cyd, mal]: People = [1, 2, 3, 4].map(seed => new Person(crypto, seed, 3)) as People
let friend: Person
let room: GroupStory

/** ada is the admin, bob, cyd and mal are members; mal means harm. */
beforeEach(() => {
  ;[ada, bob, cyd, mal] = [1, 2, 3, 4].map(seed => new Person(crypto, seed, 3)) as People
  friend = new Person(crypto, 5, 2)
  room = GroupStory.roomOf(crypto, [ada, bob, cyd, mal])
})

const seat = ({ first }: Person) => first.key
const ask = ({ held }: GroupStory, person: Person) =>
  makeRejoinStatement(
    crypto,
    { groupId: held.groupId, incarnation: held.incarnation, head: held.state.head, lastEpoch: held.epoch },
    { device: person.first.pair },
  )
const known = ({ held }: GroupStory, of: Partial<OwnGroup> = {}): OwnGroup => ({
  ...held,
  isOut: false,
  askedAt: undefined,
  ...of,
})
const welcomed = (welcome: OpenedWelcome, person: Person, groups: readonly OwnGroup[] = []): string => {
  const verdict = judgeWelcome(crypto, welcome, { deviceKey: seat(person), known: groups })
  return verdict.isTaken ? verdict.reason : reasonOf(verdict.why)
}

describe('a member wants a friend in the room', () => {
  test('by adding the friend', () => {
    const entries = room.entriesBy(mal, keyChange('add', friend))
    const basis = { lists: [friend.list.encoded] }
    expect(room.attempt({ committer: seat(mal), entries, basis, added: [friend.leaf()] })).toBe(
      'entry author-not-an-admin',
    )
  })

  test('by the leaf alone, as if it were a further device', () => {
    expect(room.attempt({ committer: seat(mal), added: [friend.leaf()] })).toBe('wrong-leaf not-a-member')
  })

  test('by putting the device of the friend into the leaf of a member', () => {
    const leaf = { ...friend.leaf(), accountKey: bob.key, list: bob.leaf().list }
    expect(room.attempt({ committer: seat(mal), added: [leaf] })).toBe('wrong-leaf not-in-use')
  })

  test('by a request to rejoin that lets the device in again for another account', () => {
    const leaf = { ...friend.leaf(), deviceKey: seat(bob) }
    const basis = { rejoins: [ask(room, bob)] }
    expect(room.attempt({ committer: seat(mal), basis, removed: [seat(bob)], added: [leaf] })).toBe(
      'wrong-leaf not-a-member',
    )
  })

  test('by an entry that the admin signed for a commit that lost its race', () => {
    const lost = room.entriesBy(ada, keyChange('add', friend))
    const basis = { lists: [friend.list.encoded] }
    expect(room.attempt({ committer: seat(mal), entries: lost, basis, added: [friend.leaf()] })).toBe(
      'foreign-entry',
    )
    room.update(bob)
    expect(room.attempt({ committer: seat(ada), entries: lost, basis, added: [friend.leaf()] })).toBe(
      'other-epoch',
    )
  })

  test('by an entry that the admin signed in another group of the conversation', () => {
    const { state, ledger } = room.held
    const founding = { groupId: new Uint8Array(16).fill(8), incarnation: 2, state, founder: ada.leaf() }
    const next = new GroupStory(crypto, foundGroup({ ...founding, accounts: ledger.accounts }), room.entries)
    const entries = next.entriesBy(ada, keyChange('add', friend))
    expect(room.attempt({ committer: seat(ada), entries })).toBe('other-group')
  })

  test('by becoming an admin first', () => {
    for (const change of [
      keyChange('make-admin', mal),
      keyChange('unmake-admin', ada),
      keyChange('remove', ada),
    ])
      expect(room.attempt({ committer: seat(mal), entries: room.entriesBy(mal, change) })).toBe(
        'entry author-not-an-admin',
      )
  })

  test('by a state that says so, without an entry', () => {
    const members = room.held.state.members.map(each => ({ ...each, isAdmin: true }))
    const { state } = room.held
    const as = { ...room.held, state: { ...state, members, head: new Uint8Array(32), number: 5 } }
    expect(room.attempt({ committer: seat(mal), as })).toBe('group-state')
  })
})

describe('somebody who was removed wants back', () => {
  beforeEach(() => {
    room.commit({ committer: seat(ada), entries: room.entriesBy(ada, keyChange('make-admin', mal)) })
  })

  test('by entries from when they were an admin', () => {
    const kept = room.entriesBy(mal, keyChange('add', friend))
    room.remove(ada, mal)
    expect(room.attempt({ committer: seat(bob), entries: kept })).toBe('entry number')
    expect(room.attempt({ committer: seat(bob), entries: room.entriesBy(mal, keyChange('add', mal)) })).toBe(
      'entry author-not-a-member',
    )
    expect(room.attempt({ committer: seat(mal) })).toBe('committer')
  })

  test('by an accomplice who adds their leaf, or who answers a request to rejoin', () => {
    const request = ask(room, mal)
    room.remove(ada, mal)
    expect(room.attempt({ committer: seat(bob), added: [mal.leaf()] })).toBe('wrong-leaf not-a-member')
    expect(room.attempt({ committer: seat(bob), basis: { rejoins: [request] }, added: [mal.leaf()] })).toBe(
      'rejoin no-leaf',
    )
  })

  test('by a successor from before they were removed', () => {
    const before = new GroupStory(crypto, room.held, room.entries)
    room.remove(ada, mal)
    const { state, ledger } = before.held
    const founding = { groupId: new Uint8Array(16).fill(8), incarnation: 2, state, founder: mal.leaf() }
    const next = new GroupStory(
      crypto,
      foundGroup({ ...founding, accounts: ledger.accounts }),
      before.entries,
    )
    next.commit({ committer: seat(mal), added: [bob.leaf()] })
    expect(welcomed(next.welcome(seat(mal)), bob, [known(room)])).toBe('other-chain')
  })

  test('by going on with the chain on their own, for somebody who knows no better: the fork is found by the head', () => {
    const before = new GroupStory(crypto, room.held, room.entries)
    room.remove(ada, mal)
    before.invite(mal, [friend])
    expect(welcomed(before.welcome(seat(mal)), friend)).toBe('first')
    expect(goesOnFrom(before.held.state, room.held.state)).toBe(false)
    expect(goesOnFrom(room.held.state, before.held.state)).toBe(false)
    expect(welcomed(before.welcome(seat(mal)), bob, [known(room, { askedAt: 0n })])).toBe('other-chain')
  })
})

describe('a member wants another one out', () => {
  test('by removing the leaf', () => {
    expect(room.attempt({ committer: seat(mal), removed: [seat(bob)] })).toBe('right-leaf-removed')
  })

  test('by what those who have just come do not know: they judge as all others do', () => {
    room.invite(ada, [friend])
    const newcomer = readWelcomed(crypto, room.welcome(seat(ada))).held
    const seen = {
      committer: seat(mal),
      removed: [seat(bob)],
      added: [],
      basis: new Uint8Array(),
      groupState: encodeGroupState(crypto, room.held, []),
    }
    expect(judgeCommit(crypto, newcomer, seen)).toEqual(judgeCommit(crypto, room.held, seen))
    expect(judgeCommit(crypto, newcomer, seen)).toMatchObject({ why: { code: 'right-leaf-removed' } })
  })

  test('by a leave of before, when they are back', () => {
    const leave = bob.leaving(room.held.state)
    room.commit({ committer: seat(mal), entries: room.entriesBy(mal, leave), removed: [seat(bob)] })
    room.invite(ada, [bob])
    expect(
      room.attempt({ committer: seat(mal), entries: room.entriesBy(mal, leave), removed: [seat(bob)] }),
    ).toBe('entry other-stay')
  })

  test('by a request to rejoin of before, said again by the server or by a member', () => {
    const request = ask(room, bob)
    const again = { committer: seat(mal), basis: { rejoins: [request] }, removed: [seat(bob)] }
    room.commit({ ...again, added: [bob.leaf()] })
    expect(room.attempt(again)).toBe('rejoin ended')
    const { held } = readWelcomed(crypto, room.welcome(seat(mal)))
    expect(new GroupStory(crypto, held, room.entries).attempt(again)).toBe('rejoin ended')
  })

  test('by a leave that another member signed for them', () => {
    const leave = friend.leaving({
      ...room.held.state,
      members: [{ accountKey: friend.key, added: 2, isAdmin: false }],
    })
    expect(
      room.attempt({ committer: seat(mal), entries: room.entriesBy(mal, leave), removed: [seat(bob)] }),
    ).toBe('entry not-a-member')
  })

  test('by a successor that says they left', () => {
    const { state, ledger } = room.held
    const founding = { groupId: new Uint8Array(16).fill(8), incarnation: 2, state, founder: mal.leaf() }
    const next = new GroupStory(crypto, foundGroup({ ...founding, accounts: ledger.accounts }), room.entries)
    expect(
      next.attempt({ committer: seat(mal), entries: next.entriesBy(mal, keyChange('remove', bob)) }),
    ).toBe('entry author-not-an-admin')
  })
})

describe('a thief of a device that its owner has ended wants to go on', () => {
  let stolen: Person['first']

  beforeEach(() => {
    stolen = bob.devices[1]!
    room.commit({ committer: seat(bob), added: [bob.leaf(stolen)] })
  })
  const end = () =>
    room.commit({
      committer: seat(cyd),
      basis: { removals: [bob.removal(stolen)] },
      removed: [stolen.key],
    })

  test('by staying: any member who has heard of it takes the leaf out', () => {
    end()
    expect(room.devicesOf(bob)).toEqual([seat(bob)])
  })

  test('by an accomplice who adds the device again, with the list that still has it', () => {
    end()
    expect(room.attempt({ committer: seat(mal), added: [bob.leaf(stolen)] })).toBe('wrong-leaf not-in-use')
    const basis = { lists: [bob.list.encoded] }
    expect(room.attempt({ committer: seat(mal), basis, added: [bob.leaf(stolen)] })).toBe('idle-list')
  })

  test('by ending the devices of the owner: one behind ends none ahead, and one that is ended ends none', () => {
    const third = bob.devices[2]!
    room.commit({ committer: seat(bob), added: [bob.leaf(third)] })
    const revenge = bob.removal(third, stolen)
    end()
    // It is part of what the group holds, and counts for nothing there.
    expect(room.attempt({ committer: seat(mal), basis: { removals: [revenge] }, removed: [third.key] })).toBe(
      'right-leaf-removed',
    )
    expect(() => bob.removal(bob.first, stolen)).toThrow('order')
  })

  test('by leaving the room in the name of the owner', () => {
    const leave = bob.leaving(room.held.state, stolen)
    end()
    expect(
      room.attempt({ committer: seat(mal), entries: room.entriesBy(mal, leave), removed: [seat(bob)] }),
    ).toBe('leave-not-in-use')
  })

  test('by a commit that keeps the leaf', () => {
    const basis = { removals: [bob.removal(stolen)] }
    expect(room.attempt({ committer: seat(mal), basis })).toBe('wrong-leaf not-in-use')
    expect(room.attempt({ committer: stolen.key, basis })).toBe('wrong-leaf not-in-use')
  })

  test('by a successor that has forgotten that it was ended', () => {
    const { accounts } = room.held.ledger
    end()
    const founding = { groupId: new Uint8Array(16).fill(8), incarnation: 2, founder: mal.leaf(), accounts }
    const next = new GroupStory(crypto, foundGroup({ ...founding, state: room.held.state }), room.entries)
    next.commit({ committer: seat(mal), added: [cyd.leaf(), bob.leaf(stolen)] })
    expect(welcomed(next.welcome(seat(mal)), cyd, [known(room)])).toBe('forgotten-list')
  })
})

describe('the server, with a member, wants somebody in a conversation of its own', () => {
  test('by a welcome that nobody asked for', () => {
    room.update(mal)
    expect(welcomed(room.welcome(seat(mal)), bob, [known(room)])).toBe('not-asked')
  })

  test('by a welcome of before, when they do ask', () => {
    const old = room.welcome(seat(mal))
    room.update(bob)
    expect(welcomed(old, bob, [known(room, { askedAt: room.held.epoch })])).toBe('not-asked')
  })

  test('by a chain without the entry that removed somebody', () => {
    const before = room.entries.slice()
    room.remove(ada, mal)
    const welcome = { ...room.welcome(seat(ada)), joiner: encodeJoiner(room.held.ledger, before) }
    expect(welcomed(welcome, bob)).toBe('group-state')
  })

  test('by lists without the removal of a device', () => {
    const { ledger } = room.held
    room.commit({ committer: seat(bob), basis: { removals: [cyd.removal(cyd.devices[2]!)] } })
    const welcome = { ...room.welcome(seat(ada)), joiner: encodeJoiner(ledger, room.entries) }
    expect(welcomed(welcome, bob)).toBe('group-state')
  })

  test('by a welcome that a stranger signs', () => {
    expect(welcomed({ ...room.welcome(seat(ada)), signer: friend.first.key }, bob)).toBe('no-such-leaf')
  })

  test('by a third one in a direct conversation, or one who passes for the other', () => {
    const direct = GroupStory.direct(crypto, ada, bob)
    expect(direct.attempt({ committer: seat(ada), added: [mal.leaf()] })).toBe('wrong-leaf not-a-member')
    const state = fixedState(crypto, ConversationKind.DIRECT, [mal.key, bob.key])
    const lying = {
      ...direct.held,
      state: { ...state, id: direct.held.state.id, head: direct.held.state.id },
    }
    const welcome = { ...direct.welcome(seat(ada)), groupState: encodeGroupState(crypto, lying, []) }
    expect(welcomed(welcome, bob)).toBe('group-state')
  })
})

/** The words of an account make it on any server, so what its key has signed for another one is there to be shown. */
describe('somebody shows what a member has signed for another server', () => {
  const elsewhere = (person: Person) => person.listOf(person.devices, { number: 9, serverId: ELSEWHERE })

  test('to bring the list of there into the room, by which other devices are in use', () => {
    const { encoded } = elsewhere(bob)
    expect(room.attempt({ committer: seat(mal), basis: { lists: [encoded] } })).toBe('other-server')
  })

  test('to bring a device in that is certified for there', () => {
    const leaf = { ...bob.leaf(bob.devices[1]), serverId: ELSEWHERE }
    expect(room.attempt({ committer: seat(mal), added: [leaf] })).toBe('wrong-leaf other-server')
  })

  test('to move to the other one, so that the leaves of all others are wrong and can be removed', () => {
    const path = { ...mal.leaf(), serverId: ELSEWHERE }
    expect(room.attempt({ committer: seat(mal), path })).toBe('wrong-leaf other-server')
    expect(room.attempt({ committer: seat(mal), path, removed: [seat(bob)] })).toBe('right-leaf-removed')
  })

  test('by a welcome with such a list, or with such a leaf', () => {
    const welcome = room.welcome(seat(ada))
    const list = elsewhere(bob)
    const ledger = withList(room.held.ledger, list.read)!
    const told = new GroupStory(crypto, { ...room.held, ledger }, room.entries).welcome(seat(ada))
    expect(welcomed(told, cyd)).toBe('other-server')
    const leaves = room.held.leaves.map(leaf =>
      sameKey(leaf.accountKey, bob.key) ? { ...leaf, serverId: ELSEWHERE } : leaf,
    )
    expect(welcomed({ ...welcome, leaves }, cyd)).toBe('wrong-leaf other-server')
    // A device that is on both is of one of them by its own leaf.
    expect(welcomed({ ...welcome, leaves, signer: seat(bob) }, cyd)).toBe('other-server')
    const others = leaves.map(leaf => ({ ...leaf, serverId: ELSEWHERE }))
    expect(welcomed({ ...welcome, leaves: others }, cyd)).toBe('other-server')
  })

  test('and founds no group with it', () => {
    const { state } = room.held
    const founding = { groupId: new Uint8Array(16).fill(8), incarnation: 2, state, founder: ada.leaf() }
    const list = elsewhere(bob)
    const held = { devices: knownDevices({ list: list.read, removals: [] }) }
    expect(() => foundGroup({ ...founding, accounts: [ada.held(), held] })).toThrow(
      new RangeError('The leaf of a founder has to be right: other-server'),
    )
  })
})

describe('a member wants the room to fall apart', () => {
  test('by two commits at one epoch, shown to different members: the second is of no epoch any more', () => {
    const one = room.entriesBy(ada, keyChange('make-admin', bob))
    const other = room.entriesBy(ada, keyChange('make-admin', mal))
    room.commit({ committer: seat(ada), entries: one })
    expect(room.attempt({ committer: seat(ada), entries: other })).toBe('entry number')
  })

  test('by filling the chain: those who are left can still remove who did it', () => {
    room.commit({ committer: seat(ada), entries: room.entriesBy(ada, keyChange('make-admin', mal)) })
    room.held = { ...room.held, state: { ...room.held.state, number: 3584 } }
    const settings = { kind: 'settings', settings: { name: 'x', topic: '', historyDays: 0 } } as const
    expect(room.attempt({ committer: seat(mal), entries: room.entriesBy(mal, settings) })).toBe(
      'entry chain-full',
    )
    room.remove(ada, mal)
    expect(memberOf(room.held.state, mal.key)).toBe(undefined)
  })

  test('by going far ahead with a successor, so that no other one can follow', () => {
    const { state, ledger } = room.held
    const founding = {
      groupId: new Uint8Array(16).fill(8),
      incarnation: 2 ** 32 - 1,
      state,
      founder: mal.leaf(),
    }
    const next = new GroupStory(crypto, foundGroup({ ...founding, accounts: ledger.accounts }), room.entries)
    next.commit({ committer: seat(mal), added: [bob.leaf()] })
    expect(welcomed(next.welcome(seat(mal)), bob, [known(room)])).toBe('not-the-next')
  })

  test('by an admin who leaves without naming another: the same member becomes the admin for all', () => {
    const leave = ada.leaving(room.held.state)
    room.commit({ committer: seat(mal), entries: room.entriesBy(mal, leave), removed: [seat(ada)] })
    expect(memberOf(room.held.state, bob.key)?.isAdmin).toBe(true)
    expect(memberOf(room.held.state, mal.key)?.isAdmin).toBe(false)
    expect(checkChain(crypto, room.entries).state).toEqual(room.held.state)
  })

  test('by the same room twice: a salt of its own makes each another conversation', () => {
    const [one, other] = [1, 2].map(salt => new ChainWriter(crypto).create(mal, salt))
    expect(one?.id).not.toEqual(other?.id)
  })
})
