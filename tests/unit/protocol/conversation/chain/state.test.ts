import { describe, expect, test } from '@jest/globals'
import { ConversationKind } from '../../../../../gen/parley/content/v1/chain_pb.js'
import type { Change } from '../../../../../services/protocol/conversation/chain/change.js'
import { readEntry } from '../../../../../services/protocol/conversation/chain/entry.js'
import {
  type ConversationState,
  fixedState,
  memberOf,
  stateAfter,
} from '../../../../../services/protocol/conversation/chain/state.js'
import { ChainWriter, Person, SETTINGS } from '../../../../support/chain-people.js'
import { toyCrypto as crypto } from '../../../../support/toy-crypto.js'

const [ada, bob, cyd, dan, eve] = [1, 2, 3, 4, 5].map(seed => new Person(crypto, seed)) as [
  Person,
  Person,
  Person,
  Person,
  Person,
]

/** ada (admin), bob and cyd, added in this order; entries 1 to 3. */
function room(): ChainWriter {
  const chain = new ChainWriter(crypto)
  chain.create(ada)
  chain.add(ada, bob, cyd)
  return chain
}

const remove = ({ key }: Person): Change => ({ kind: 'remove', accountKey: key })
const add = ({ key }: Person): Change => ({ kind: 'add', accountKey: key })
const makeAdmin = ({ key }: Person): Change => ({ kind: 'make-admin', accountKey: key })
const unmakeAdmin = ({ key }: Person): Change => ({ kind: 'unmake-admin', accountKey: key })
const settings: Change = { kind: 'settings', settings: { name: 'new', topic: 'all', historyDays: 7 } }

const named = ({ members }: ConversationState): string[] =>
  members.map(({ accountKey, added, isAdmin }) => {
    const person = [ada, bob, cyd, dan, eve].find(({ key }) => Buffer.compare(key, accountKey) === 0)
    return `${person?.seed}@${added}${isAdmin ? ' admin' : ''}`
  })

const reason = (act: () => unknown) => {
  try {
    act()
    return undefined
  } catch (error) {
    return (error as { reason?: string }).reason
  }
}

describe('what an entry changes', () => {
  test('the first one makes a room: its author is the only member, and an admin', () => {
    const chain = new ChainWriter(crypto)
    const state = chain.create(ada)
    expect(named(state)).toEqual(['1@1 admin'])
    expect(state).toMatchObject({ kind: ConversationKind.ROOM, number: 1, settings: SETTINGS })
    expect(state.id).toEqual(state.head)
  })

  test('the same people with another salt make another room', () => {
    expect(new ChainWriter(crypto).create(ada, 1).id).not.toEqual(new ChainWriter(crypto).create(ada, 2).id)
  })

  test('members keep the number of the entry that added them, also when they become admins', () => {
    const chain = room()
    expect(named(chain.write(ada, makeAdmin(cyd)))).toEqual(['1@1 admin', '2@2', '3@3 admin'])
    expect(named(chain.write(cyd, unmakeAdmin(ada)))).toEqual(['1@1', '2@2', '3@3 admin'])
    expect(named(chain.write(cyd, remove(bob)))).toEqual(['1@1', '3@3 admin'])
    expect(named(chain.write(cyd, add(bob)))).toEqual(['1@1', '3@3 admin', '2@7'])
  })

  test('settings take the place of the ones before; nothing else changes', () => {
    const chain = room()
    const before = chain.state!
    const { settings: after, ...rest } = chain.write(ada, settings)
    expect(after).toEqual({ name: 'new', topic: 'all', historyDays: 7 })
    expect(rest.members).toEqual(before.members)
    expect(rest.id).toEqual(before.id)
    expect(rest.heads).toEqual([...before.heads, rest.head])
  })

  test('an entry changes nothing of the state before it', () => {
    const chain = room()
    const before = chain.state!
    const copy = structuredClone(before)
    chain.write(ada, makeAdmin(bob))
    chain.write(ada, remove(cyd))
    expect(before).toEqual(copy)
  })
})

describe('who may', () => {
  const table: [who: string, by: Person, change: Change, expected: string | undefined][] = [
    ['an admin adds', ada, add(dan), undefined],
    ['an admin removes', ada, remove(bob), undefined],
    ['an admin makes an admin', ada, makeAdmin(bob), undefined],
    ['an admin changes settings', ada, settings, undefined],
    ['a member adds', bob, add(dan), 'author-not-an-admin'],
    ['a member removes', bob, remove(cyd), 'author-not-an-admin'],
    ['a member removes the admin', bob, remove(ada), 'author-not-an-admin'],
    ['a member makes itself an admin', bob, makeAdmin(bob), 'author-not-an-admin'],
    ['a member unmakes the admin', bob, unmakeAdmin(ada), 'author-not-an-admin'],
    ['a member changes settings', bob, settings, 'author-not-an-admin'],
    ['a stranger adds itself', eve, add(eve), 'author-not-a-member'],
    ['a stranger changes settings', eve, settings, 'author-not-a-member'],
    ['an admin adds a member again', ada, add(bob), 'already-a-member'],
    ['an admin removes a stranger', ada, remove(eve), 'not-a-member'],
    ['an admin removes itself', ada, remove(ada), 'own-account'],
    ['an admin makes a stranger an admin', ada, makeAdmin(eve), 'not-a-member'],
    ['an admin makes an admin of one', ada, makeAdmin(ada), 'already-an-admin'],
    ['an admin unmakes one that is none', ada, unmakeAdmin(bob), 'not-an-admin'],
    ['the last admin unmakes itself', ada, unmakeAdmin(ada), 'last-admin'],
    [
      'an admin creates the room again',
      ada,
      { kind: 'create', salt: new Uint8Array(16), settings: SETTINGS },
      'creation',
    ],
  ]
  test.each(table)('%s', (_, by, change, expected) => {
    const chain = room()
    expect(reason(() => chain.write(by, change))).toBe(expected)
  })

  test('an admin that is one no more, or is removed, changes nothing from there on', () => {
    const chain = room()
    chain.write(ada, makeAdmin(bob))
    chain.write(bob, unmakeAdmin(ada))
    expect(reason(() => chain.write(ada, add(dan)))).toBe('author-not-an-admin')
    chain.write(bob, remove(ada))
    expect(reason(() => chain.write(ada, add(dan)))).toBe('author-not-a-member')
    chain.write(bob, add(ada))
    expect(reason(() => chain.write(ada, add(dan)))).toBe('author-not-an-admin')
  })

  test('any device of an admin is the admin', () => {
    const twice = new Person(crypto, 20, 2)
    const chain = new ChainWriter(crypto)
    chain.create(twice)
    expect(named(chain.write(twice, add(bob), twice.devices[1]))).toEqual(['undefined@1 admin', '2@2'])
  })
})

describe('leaving', () => {
  test('any other member commits it', () => {
    const chain = room()
    expect(named(chain.write(cyd, bob.leaving(chain.state!)))).toEqual(['1@1 admin', '3@3'])
  })

  test('not the account itself, not a stranger, not twice', () => {
    const chain = room()
    const leave = bob.leaving(chain.state!)
    expect(reason(() => chain.write(bob, leave))).toBe('own-account')
    expect(reason(() => chain.write(eve, leave))).toBe('author-not-a-member')
    chain.write(ada, leave)
    expect(reason(() => chain.write(ada, leave))).toBe('not-a-member')
  })

  test('it undoes one stay: the statement is worth nothing once the account is added again', () => {
    const chain = room()
    const leave = bob.leaving(chain.state!)
    chain.write(ada, leave)
    chain.write(ada, add(bob))
    expect(reason(() => chain.write(ada, leave))).toBe('other-stay')
    expect(named(chain.write(ada, bob.leaving(chain.state!)))).toEqual(['1@1 admin', '3@3'])
  })

  test('nor is it in another room', () => {
    const other = new ChainWriter(crypto)
    other.create(ada, 2)
    other.add(ada, bob)
    const chain = room()
    expect(reason(() => chain.write(ada, bob.leaving(other.state!)))).toBe('other-stay')
  })

  test('when the last admin leaves, the one that was added first becomes the admin', () => {
    const chain = room()
    chain.write(ada, remove(bob))
    chain.write(ada, add(bob))
    expect(named(chain.write(bob, ada.leaving(chain.state!)))).toEqual(['3@3 admin', '2@5'])
    expect(named(chain.write(bob, cyd.leaving(chain.state!)))).toEqual(['2@5 admin'])
  })

  test('when an admin of several leaves, nobody becomes one', () => {
    const chain = room()
    chain.write(ada, makeAdmin(cyd))
    expect(named(chain.write(bob, ada.leaving(chain.state!)))).toEqual(['2@2', '3@3 admin'])
  })
})

describe('the place of an entry', () => {
  const entryOf = (chain: ChainWriter, change: Change) => readEntry(crypto, chain.sign(ada, change))

  test.each([
    ['number', { number: 6 }, 'number'],
    ['number', { number: 4 }, 'number'],
    ['previous', { previous: new Uint8Array(32) }, 'previous'],
    ['epoch', { epoch: 3n }, 'epoch'],
  ])('a wrong %s is refused: %j', (_, wrong, expected) => {
    const chain = room()
    chain.epoch = 4n
    chain.write(ada, makeAdmin(bob))
    const entry = entryOf(chain, add(dan))
    expect(() => stateAfter(chain.state, entry)).not.toThrow()
    expect(reason(() => stateAfter(chain.state, { ...entry, ...wrong }))).toBe(expected)
  })

  test('in another group epochs begin anew', () => {
    const chain = room()
    chain.epoch = 4n
    chain.write(ada, makeAdmin(bob))
    chain.groupId = new Uint8Array(16)
    chain.epoch = 0n
    expect(() => chain.write(ada, add(dan))).not.toThrow()
  })

  test.each([
    ['another number', { number: 2 }, 'number'],
    ['an entry before it', { previous: new Uint8Array(32) }, 'previous'],
    ['another change', { change: settings }, 'creation'],
  ])('the first one has no %s', (_, wrong, expected) => {
    const [first] = room().entries
    const entry = { ...readEntry(crypto, first!), ...wrong }
    expect(reason(() => stateAfter(undefined, entry))).toBe(expected)
  })
})

describe('conversations without a chain', () => {
  test('are of their accounts, whoever is named first, and no entry changes them', () => {
    const state = fixedState(crypto, ConversationKind.DIRECT, [bob.key, ada.key])
    expect(state).toEqual(fixedState(crypto, ConversationKind.DIRECT, [ada.key, bob.key]))
    expect(state).toMatchObject({ number: 0, head: state.id })
    expect(memberOf(state, ada.key)).toMatchObject({ isAdmin: false })
    const chain = room()
    const entry = readEntry(crypto, chain.sign(ada, add(dan)))
    expect(reason(() => stateAfter(state, entry))).toBe('no-chain')
  })
})
