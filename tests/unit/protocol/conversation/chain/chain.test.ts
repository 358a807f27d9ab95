import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import {
  type SignedChainEntry,
  SignedChainEntrySchema,
} from '../../../../../gen/parley/content/v1/chain_pb.js'
import {
  checkChain,
  continueChain,
  everMembers,
  goesOnFrom,
} from '../../../../../services/protocol/conversation/chain/chain.js'
import { readEntry } from '../../../../../services/protocol/conversation/chain/entry.js'
import {
  type ConversationState,
  stateAfter,
} from '../../../../../services/protocol/conversation/chain/state.js'
import type { CryptoProvider } from '../../../../../services/protocol/crypto.js'
import { nodeCrypto } from '../../../../../services/protocol/node/crypto.js'
import { ChainWriter, Person } from '../../../../support/chain-people.js'
import { toyCrypto as crypto } from '../../../../support/toy-crypto.js'

const [ada, bob, cyd] = [1, 2, 3].map(seed => new Person(crypto, seed)) as [Person, Person, Person]

function room(salt = 1): ChainWriter {
  const chain = new ChainWriter(crypto)
  chain.create(ada, salt)
  chain.add(ada, bob)
  return chain
}

const reason = (act: () => unknown) => {
  try {
    act()
    return undefined
  } catch (error) {
    return (error as { reason?: string }).reason
  }
}

/** Cryptography that must not be asked for anything. */
const noCrypto = new Proxy(crypto, {
  get: () => () => {
    throw new Error('asked for cryptography')
  },
}) satisfies CryptoProvider

describe('a chain', () => {
  test('from its first entry gives the state of who wrote it', () => {
    const { state, entries } = room()
    expect(checkChain(crypto, entries).state).toEqual(state)
    expect(checkChain(crypto, entries).entries.map(({ number }) => number)).toEqual([1, 2])
  })

  test('goes on behind any state of it', () => {
    const chain = room()
    const [first] = chain.entries
    chain.add(ada, cyd)
    const begin = checkChain(crypto, [first!]).state
    expect(continueChain(crypto, begin, chain.entries.slice(1)).state).toEqual(chain.state)
    expect(continueChain(crypto, begin, [])).toEqual({ state: begin, entries: [] })
  })

  test.each<[what: string, of: (entries: SignedChainEntry[]) => SignedChainEntry[], expected: string]>([
    ['no entry', () => [], 'creation'],
    ['no beginning', ([, ...others]) => others, 'number'],
    ['a hole', ([first, , third]) => [first!, third!], 'number'],
    ['an entry twice', ([first, second]) => [first!, second!, second!], 'number'],
    ['two entries in turn', ([first, second, third]) => [first!, third!, second!], 'number'],
    ['the entry of another room', ([first]) => [first!, room(2).entries[1]!], 'previous'],
    ['the beginning twice', ([first]) => [first!, first!], 'number'],
  ])('with %s is none', (_, of, expected) => {
    const chain = room()
    chain.add(ada, cyd)
    expect(reason(() => checkChain(crypto, of(chain.entries)))).toBe(expected)
  })

  test('of more entries or bytes than anybody reads is refused before anything is verified', () => {
    const entry = create(SignedChainEntrySchema, { entry: new Uint8Array(1100) })
    const state = room().state!
    expect(() => checkChain(noCrypto, [entry])).toThrow('malformed')
    expect(reason(() => checkChain(noCrypto, Array(4097).fill(create(SignedChainEntrySchema))))).toBe(
      'too-long',
    )
    expect(reason(() => checkChain(noCrypto, Array(3814).fill(entry)))).toBe('too-long')
    expect(
      reason(() => continueChain(noCrypto, state, Array(4095).fill(create(SignedChainEntrySchema)))),
    ).toBe('too-long')
    expect(reason(() => continueChain(noCrypto, { ...state, size: 4 * 1024 * 1024 }, [entry]))).toBe(
      'too-long',
    )
  })

  test('of 250 members has about 100 kB', () => {
    const chain = new ChainWriter(nodeCrypto)
    const people = Array.from({ length: 250 }, (_, at) => new Person(nodeCrypto, at + 1))
    chain.create(people[0]!)
    const state = chain.add(people[0]!, ...people.slice(1))
    expect(state.members).toHaveLength(250)
    expect(state.size).toBeLessThan(100_000)
    expect(reason(() => chain.add(people[0]!, new Person(nodeCrypto, 300)))).toBe('too-many-members')
  })
})

test('a chain knows who ever was a member', () => {
  const chain = room()
  chain.write(ada, { kind: 'remove', accountKey: bob.key })
  chain.add(ada, bob)
  const { entries } = checkChain(crypto, chain.entries)
  expect(everMembers(entries)).toEqual([ada.key, bob.key])
})

describe('the end of a chain', () => {
  const full = (of: Partial<ConversationState>): ChainWriter => {
    const chain = room()
    chain.write(ada, { kind: 'make-admin', accountKey: bob.key })
    chain.state = { ...chain.state!, ...of }
    return chain
  }
  const settings = { kind: 'settings', settings: { name: 'n', topic: '', historyDays: 0 } } as const

  test.each([
    ['entries', { number: 3583 }, { number: 3584 }],
    ['bytes', { size: 2 * 1024 * 1024 - 2048 }, { size: 2 * 1024 * 1024 }],
  ])('is kept by %s for those who leave, are removed, or are admins no more', (_, last, kept) => {
    expect(reason(() => full(last).write(ada, settings))).toBe(undefined)
    expect(reason(() => full(kept).write(ada, settings))).toBe('chain-full')
    expect(reason(() => full(kept).add(ada, cyd))).toBe('chain-full')
    expect(reason(() => full(kept).write(ada, { kind: 'unmake-admin', accountKey: bob.key }))).toBe(undefined)
    expect(reason(() => full(kept).write(ada, { kind: 'remove', accountKey: bob.key }))).toBe(undefined)
    const chain = full(kept)
    expect(reason(() => chain.write(bob, ada.leaving(chain.state!)))).toBe(undefined)
  })

  test.each([{ number: 4096 }, { size: 4 * 1024 * 1024 }])('has nothing behind it: %j', of => {
    expect(reason(() => full(of).write(ada, { kind: 'remove', accountKey: bob.key }))).toBe('too-long')
  })
})

describe('two chains', () => {
  test('a chain goes on from each of its heads, and from no other', () => {
    const chain = room()
    const before = chain.state!
    const state = chain.add(ada, cyd)
    expect(goesOnFrom(state, before)).toBe(true)
    expect(goesOnFrom(state, state)).toBe(true)
    expect(goesOnFrom(before, state)).toBe(false)
    expect(goesOnFrom(state, room(2).state!)).toBe(false)
    expect(goesOnFrom(state, { ...before, head: new Uint8Array(32) })).toBe(false)
  })

  test('that part behind one head are found by it', () => {
    const [one, other] = [room(), room()]
    one.write(ada, { kind: 'make-admin', accountKey: bob.key })
    expect(goesOnFrom(one.state!, other.state!)).toBe(true)
    other.add(ada, cyd)
    expect(goesOnFrom(one.state!, other.state!)).toBe(false)
    one.add(ada, cyd)
    expect(goesOnFrom(one.state!, other.state!)).toBe(false)
    expect(goesOnFrom(other.state!, one.state!)).toBe(false)
  })

  test('are never merged: an entry of the one is none behind the other', () => {
    const [one, other] = [room(), room()]
    one.write(ada, { kind: 'make-admin', accountKey: bob.key })
    other.add(ada, cyd)
    const entry = readEntry(crypto, one.sign(ada, { kind: 'remove', accountKey: bob.key }))
    expect(reason(() => stateAfter(other.state, entry))).toBe('previous')
  })
})
