import { createHash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { ConversationKind } from '../../../../gen/parley/content/v1/chain_pb.js'
import { fixedState } from '../../../../services/protocol/conversation/chain/state.js'
import {
  decodeLeafList,
  encodeLeafList,
  firstWrongLeaf,
  type Leaf,
  leafJudge,
} from '../../../../services/protocol/conversation/leaves.js'
import {
  EMPTY_LEDGER,
  type Ledger,
  ledgerHash,
  ofMembers,
  withLeavesOf,
  withList,
  withRemoval,
  withRemoved,
} from '../../../../services/protocol/conversation/ledger.js'
import {
  MAX_LIST_NUMBER,
  makeDeviceList,
  readDeviceList,
} from '../../../../services/protocol/identity/device-list.js'
import {
  makeDeviceRemoval,
  readDeviceRemoval,
} from '../../../../services/protocol/identity/device-removal.js'
import { MAX_PAIRS } from '../../../../services/protocol/identity/devices-in-use.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { LISTED_DEVICES } from '../../../../services/protocol/sizes.js'
import { ELSEWHERE, Person, SERVER_ID } from '../../../support/chain-people.js'

/** The highest that is a time (ECMA-262 section 21.4.1.1). */
const LAST_TIME = 8_640_000_000_000_000

const [ada, bob] = [new Person(crypto, 1, 3), new Person(crypto, 2)]
const listed = (ledger: Ledger | undefined, { list }: Pick<Person, 'list'>) =>
  ledger && withList(ledger, list.read)
const removed = (ledger: Ledger | undefined, bytes: Uint8Array) =>
  ledger && withRemoval(ledger, readDeviceRemoval(crypto, bytes))
const [first, second, third] = ada.devices
const hash = (...parts: Uint8Array[]) => {
  const made = createHash('sha256')
  for (const part of parts) made.update(part)
  return made.digest()
}
const number = (value: number, bytes = 4) => Buffer.from(value.toString(16).padStart(2 * bytes, '0'), 'hex')
const people = [ada, bob].sort((one, other) => Buffer.compare(one.key, other.key))

test('the hash is over its accounts, lists, removals and removed leaves, in their order', () => {
  const lists = listed(listed(EMPTY_LEDGER, ada), bob)!
  const removals = [ada.removal(second!), ada.removal(third!)].sort((one, other) =>
    Buffer.compare(readDeviceRemoval(crypto, one).deviceKey, readDeviceRemoval(crypto, other).deviceKey),
  )
  const withBoth = removals.reduce<Ledger | undefined>(removed, lists)!
  const leaves = [
    { deviceKey: bob.first.key, epoch: 2n },
    { deviceKey: second!.key, epoch: 1n },
  ]
  const accounts = people.flatMap(person => [
    person.key,
    number(1),
    person.list.read.hash,
    ...(person === ada ? [number(2), ...removals.map(bytes => hash(bytes))] : [number(0)]),
  ])
  const expected = hash(
    Buffer.from('parley.content.v1.Ledger\0'),
    number(2),
    ...accounts,
    number(2),
    number(1, 8),
    second!.key,
    number(2, 8),
    bob.first.key,
  )
  expect(Buffer.from(ledgerHash(crypto, withLeavesOf(withBoth, leaves)))).toEqual(expected)
})

test('whatever comes first, it is the same', () => {
  const one = removed(
    removed(listed(listed(EMPTY_LEDGER, ada), bob), ada.removal(second!)),
    ada.removal(third!),
  )
  const other = listed(
    removed(removed(listed(EMPTY_LEDGER, ada), ada.removal(third!)), ada.removal(second!)),
    bob,
  )
  expect(one).toEqual(other)
  expect(one).toBeDefined()
})

test('nothing new is no change: a list or a removal again, an older list, a removal of another list', () => {
  const newer = { list: ada.listOf([first!], { number: 2 }) }
  const ledger = listed(EMPTY_LEDGER, ada)!
  expect(listed(ledger, ada)).toBe(undefined)
  const after = removed(ledger, ada.removal(second!))!
  expect(removed(after, ada.removal(second!))).toBe(undefined)
  const latest = listed(after, newer)!
  expect(listed(latest, ada)).toBe(undefined)
  expect(removed(latest, ada.removal(third!))).toBe(undefined)
  expect(removed(ledger, bob.removal(bob.first))).toBe(undefined)
  expect(latest.accounts[0]?.devices.lists.map(({ list }) => list)).toEqual([newer.list.read])
})

test('an honest account fits: the longest list of 16 devices, and a removal for each pair of them', () => {
  const eve = new Person(crypto, 4, LISTED_DEVICES)
  const list = makeDeviceList(crypto, eve.account, {
    handle: 'e'.repeat(32),
    serverId: SERVER_ID,
    number: MAX_LIST_NUMBER,
    previous: eve.list.read.hash,
    issuedAt: LAST_TIME,
    devices: eve.devices.map(({ key }) => ({ deviceKey: key, listedAt: LAST_TIME })),
  })
  eve.list = { read: readDeviceList(crypto, list), encoded: list }
  const removals = eve.devices.flatMap((by, place) => eve.devices.slice(place).map(of => eve.removal(of, by)))
  const ledger = removals.reduce(removed, listed(EMPTY_LEDGER, eve))!
  expect(removals).toHaveLength(MAX_PAIRS)
  expect(ledger.accounts[0]!.devices.lists[0].removals).toHaveLength(MAX_PAIRS)
  // The numbers that the room is derived from (conversation/limits.ts); a later removal has a byte or two more.
  expect([list.length, removals[0]!.length]).toEqual([927, 212])
  const latest = makeDeviceRemoval(crypto, eve.first.pair, {
    list: eve.list.read,
    deviceKey: eve.devices[1]!.key,
    removedAt: LAST_TIME,
  })
  expect(latest).toHaveLength(214)
})

test('two lists with one number are both kept, and devices are in use that both have', () => {
  const fork = { list: ada.listOf([second!, third!], { number: 1, issuedAt: 5 }) }
  const ledger = listed(listed(EMPTY_LEDGER, ada), fork)!
  const lists = ledger.accounts[0]!.devices.lists.map(({ list }) => list)
  expect(lists).toEqual(
    lists[0] === ada.list.read ? [ada.list.read, fork.list.read] : [fork.list.read, ada.list.read],
  )
  const state = fixedState(crypto, ConversationKind.OWN_DEVICES, [ada.key])
  const leaves = ada.devices.map(device => ada.leaf(device))
  expect(firstWrongLeaf(leafJudge({ state, ledger, serverId: SERVER_ID }), leaves)).toEqual({
    leaf: leaves[0],
    why: 'not-in-use',
  })
})

test('accounts that are no members go, removed leaves after 16 epochs', () => {
  const ledger = listed(listed(EMPTY_LEDGER, ada), bob)!
  const alone = fixedState(crypto, ConversationKind.OWN_DEVICES, [ada.key])
  expect(ofMembers(ledger, alone)).toEqual(listed(EMPTY_LEDGER, ada))
  const both = fixedState(crypto, ConversationKind.DIRECT, [ada.key, bob.key])
  expect(ofMembers(ledger, both)).toBe(ledger)
  const after = withRemoved(ledger, 4n, [first!.key])
  expect(withRemoved(after, 19n, []).removed).toEqual([{ deviceKey: first!.key, epoch: 4n }])
  expect(withRemoved(after, 20n, [second!.key]).removed).toEqual([{ deviceKey: second!.key, epoch: 20n }])
})

test('of a wrong leaf the first fault is told', () => {
  const state = fixedState(crypto, ConversationKind.OWN_DEVICES, [ada.key])
  const ledger = removed(listed(EMPTY_LEDGER, ada), ada.removal(third!))!
  const none = new Person(crypto, 3)
  const leaf = ada.leaf(first)
  const faults = (leaves: Leaf[], of: Ledger = ledger) =>
    firstWrongLeaf(leafJudge({ state, ledger: of, serverId: SERVER_ID }), leaves)?.why
  expect(faults([leaf, ada.leaf(second)])).toBe(undefined)
  expect(faults([none.leaf()])).toBe('not-a-member')
  expect(faults([{ ...leaf, serverId: ELSEWHERE }])).toBe('other-server')
  expect(faults([leaf], EMPTY_LEDGER)).toBe('no-list')
  expect(faults([ada.leaf(third)])).toBe('not-in-use')
  expect(faults([leaf, leaf])).toBe('second-leaf')
  expect(faults([{ ...leaf, list: { ...leaf.list, number: 0 } }])).toBe(undefined)
  expect(faults([{ ...leaf, list: { ...leaf.list, number: 2 } }])).toBe('unknown-list')
  expect(faults([{ ...leaf, list: { ...leaf.list, hash: new Uint8Array(32) } }])).toBe('unknown-list')
})

test('a leaf names its list by number and hash, and nothing else', () => {
  const { list } = ada.leaf()
  expect(decodeLeafList(encodeLeafList(list))).toEqual(list)
  expect(decodeLeafList(new Uint8Array())).toBe(undefined)
  expect(decodeLeafList(new Uint8Array(9))).toBe(undefined)
  expect(decodeLeafList(encodeLeafList({ ...list, hash: new Uint8Array(31) }))).toBe(undefined)
  const highest = { ...list, number: Number.MAX_SAFE_INTEGER }
  expect(decodeLeafList(encodeLeafList(highest))).toEqual(highest)
  expect(decodeLeafList(encodeLeafList({ ...list, number: 2 ** 53 }))).toBe(undefined)
})
