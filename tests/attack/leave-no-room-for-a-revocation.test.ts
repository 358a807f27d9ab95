// A thief of devices, or somebody who holds the server, wants that what the owner signs to end a stolen device does not fit
// into what a room keeps of the account any more. So does a thief of the words, with lists beside the owner's.

import { beforeEach, expect, test } from '@jest/globals'
import { concatBytes } from '../../services/protocol/bytes.js'
import type { CommitBasis } from '../../services/protocol/conversation/commit-basis.js'
import { encodeJoiner } from '../../services/protocol/conversation/joiner.js'
import { heldOf, ledgerHash } from '../../services/protocol/conversation/ledger.js'
import {
  MAX_ACCOUNT_BYTES,
  MAX_HELD_LIST_BYTES,
  MAX_HELD_REMOVAL_BYTES,
} from '../../services/protocol/conversation/limits.js'
import { readWelcomed } from '../../services/protocol/conversation/welcomed-group.js'
import { readDeviceList } from '../../services/protocol/identity/device-list.js'
import { MAX_PAIRS } from '../../services/protocol/identity/devices-in-use.js'
import { LISTED_DEVICES, MAX_LIST_BYTES, MAX_STATEMENT_BYTES } from '../../services/protocol/sizes.js'
import { GroupStory } from '../support/chain-groups.js'
import { type Device, Person } from '../support/chain-people.js'
import { allRemovals, longList, longRemoval, wrappedTo } from '../support/long-statements.js'
import { toyCrypto as crypto } from '../support/toy-crypto.js'

/** As long as the owner's own can be. */
const LONGEST = MAX_HELD_REMOVAL_BYTES

let ada: Person
let owner: Person
let room: GroupStory
beforeEach(() => {
  ada = new Person(crypto, 1)
  owner = new Person(crypto, 2, LISTED_DEVICES)
  room = GroupStory.roomOf(crypto, [ada, owner])
  room.commit({ committer: ada.first.key, added: owner.devices.slice(1).map(each => owner.leaf(each)) })
})

const leavesOf = (person: Person) => room.held.leaves.filter(({ accountKey }) => accountKey === person.key)

/** Ada's program commits that, with the removal of all leaves that are wrong by it. */
function tell(basis: Partial<CommitBasis>, gone: readonly Device[] = []) {
  room.commit({ committer: ada.first.key, basis, removed: gone.map(({ key }) => key) })
}

/** All that the ledger has of the account, encoded. */
function keptBytes(): number {
  const account = heldOf(room.held.ledger, owner.key)
  const ledger = { accounts: account ? [account] : [], removed: [] }
  return encodeJoiner(ledger, []).length
}

/** Everybody who comes later works out the same of it. */
const expectToBeJoined = () =>
  expect(readWelcomed(crypto, room.welcome(ada.first.key)).held.ledger).toEqual(room.held.ledger)

test('by all that all devices but the first one can sign, as long as it may be', () => {
  const [first, ...stolen] = owner.devices as [Device, ...Device[]]
  const byThief = allRemovals(owner, LONGEST).slice(LISTED_DEVICES)
  tell({ removals: byThief }, stolen)
  expect(byThief).toHaveLength(MAX_PAIRS - LISTED_DEVICES)
  expect(leavesOf(owner)).toHaveLength(1)
  const byOwner = owner.devices.map(of => longRemoval(owner, { of, by: first, size: LONGEST }))
  for (const removal of byOwner.toReversed().slice(0, -1)) tell({ removals: [removal] })
  tell({ removals: [byOwner[0]!] }, [first])
  expect(leavesOf(owner)).toEqual([])
  expect(keptBytes()).toBeLessThanOrEqual(MAX_ACCOUNT_BYTES)
  expectToBeJoined()
})

test('by bytes that are added to what the owner signed: nobody has signed them, and nobody keeps them', () => {
  const [, , phone] = owner.devices as [Device, Device, Device]
  const plain = owner.removal(phone)
  const before = room.held
  tell({ removals: [plain] }, [phone])
  const told = room.held
  room.held = before
  tell({ removals: [wrappedTo(MAX_STATEMENT_BYTES, plain)] }, [phone])
  expect(ledgerHash(crypto, room.held.ledger)).toEqual(ledgerHash(crypto, told.ledger))
  const list = owner.relist(owner.devices.slice(0, 2))
  tell({ lists: [wrappedTo(MAX_LIST_BYTES, list)] }, owner.devices.filter(each => each !== phone).slice(2))
  expect(heldOf(room.held.ledger, owner.key)!.devices.lists[0].list.encoded).toEqual(list)
  expectToBeJoined()
})

test('by removals and lists that are longer than there is room for: all refuse them alike', () => {
  const [first, second] = owner.devices as [Device, Device]
  const long = longRemoval(owner, { of: second, by: first, size: LONGEST + 1 })
  expect(room.attempt({ committer: ada.first.key, basis: { removals: [long] } })).toBe('large-removal')
  const next = owner.relist(owner.devices)
  const lists = [longList(owner, next, MAX_HELD_LIST_BYTES + 1)]
  expect(room.attempt({ committer: ada.first.key, basis: { lists } })).toBe('large-list')
  tell({ lists: [longList(owner, next, MAX_HELD_LIST_BYTES)] })
})

test('with the words, by four lists of one number and all that their devices can sign', () => {
  const all = owner.devices
  for (let issuedAt = 0; issuedAt < 4; issuedAt++) {
    const { encoded } = owner.listOf(all, { number: 2, issuedAt })
    const list = longList(owner, encoded, MAX_HELD_LIST_BYTES)
    owner.list = { read: readDeviceList(crypto, list), encoded: list }
    const wrong = issuedAt === 0 ? all : []
    tell({ lists: [list], removals: allRemovals(owner, LONGEST) }, wrong)
  }
  // The keys and hashes of what a Joiner has of it, without what encodes that: two or three bytes each.
  const count = 4 * (1 + MAX_PAIRS)
  expect(keptBytes() - 3 * count).toBe(MAX_ACCOUNT_BYTES)
  expectToBeJoined()
  // A fifth ends all devices, so that nothing need be kept of which there are; and the next number takes all back.
  tell({ lists: [owner.listOf(all, { number: 2, issuedAt: 5 }).encoded] })
  expect(keptBytes()).toBeLessThan(5 * (MAX_HELD_LIST_BYTES + 3))
  expectToBeJoined()
  const saved = owner.listOf(all.slice(0, 1), { number: 3 })
  room.commit({
    committer: ada.first.key,
    basis: { lists: [saved.encoded] },
    added: [owner.leaf(owner.first, saved)],
  })
  expect(leavesOf(owner)).toHaveLength(1)
  expect(
    concatBytes(...heldOf(room.held.ledger, owner.key)!.devices.lists.map(({ list }) => list.encoded)),
  ).toEqual(saved.encoded)
})
