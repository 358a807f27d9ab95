import { createHash } from 'node:crypto'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  ChainEntrySchema,
  type SignedChainEntry,
  SignedChainEntrySchema,
} from '../../../../../gen/parley/content/v1/chain_pb.js'
import type { Change } from '../../../../../services/protocol/conversation/chain/change.js'
import { entryHash, readEntry } from '../../../../../services/protocol/conversation/chain/entry.js'
import { readLeave } from '../../../../../services/protocol/conversation/chain/leave-statement.js'
import { nodeCrypto as crypto } from '../../../../../services/protocol/node/crypto.js'
import { type Label, sign } from '../../../../../services/protocol/signature.js'
import { ChainWriter, GROUP_ID, Person, SETTINGS } from '../../../../support/chain-people.js'

const ada = new Person(crypto, 1)
const bob = new Person(crypto, 2)

function room(): ChainWriter {
  const chain = new ChainWriter(crypto)
  chain.create(ada)
  chain.add(ada, bob)
  chain.epoch = 5n
  return chain
}
const chain = room()

const changes: Change[] = [
  { kind: 'create', salt: new Uint8Array(16).fill(3), settings: SETTINGS },
  { kind: 'add', accountKey: bob.key },
  { kind: 'remove', accountKey: bob.key },
  { kind: 'make-admin', accountKey: bob.key },
  { kind: 'unmake-admin', accountKey: bob.key },
  { kind: 'settings', settings: { name: 'n'.repeat(64), topic: 't'.repeat(256), historyDays: 2 ** 32 - 1 } },
  bob.leaving(chain.state!),
]

const reason = (act: () => unknown) => {
  try {
    act()
    return undefined
  } catch (error) {
    return `${(error as Error).name} ${(error as { reason?: string }).reason}`
  }
}

type Fields = NonNullable<Parameters<typeof create<typeof ChainEntrySchema>>[1]>

/** An entry of ada's with other fields, or signed otherwise. */
function signed(
  fields: Fields,
  { by = ada, label = 'parley.content.v1.ChainEntry' as Label } = {},
): SignedChainEntry {
  const { $typeName, ...good } = fromBinary(ChainEntrySchema, chain.sign(ada, changes[1]!).entry)
  const entry = toBinary(ChainEntrySchema, create(ChainEntrySchema, { ...good, ...fields } as Fields))
  const { privateKey } = by.first.pair
  return create(SignedChainEntrySchema, {
    entry,
    signature: sign(crypto, { label, bytes: entry, privateKey }),
  })
}

describe('an entry', () => {
  test.each(changes.map(change => [change.kind, change] as const))(
    '%s is read as it was made',
    (_, change) => {
      const made = chain.sign(ada, change)
      const again = fromBinary(SignedChainEntrySchema, toBinary(SignedChainEntrySchema, made))
      expect(readEntry(crypto, again)).toMatchObject({
        number: 3,
        previous: chain.state!.head,
        groupId: GROUP_ID,
        epoch: 5n,
        author: { accountKey: ada.key, deviceKey: ada.first.key },
        change,
        size: made.entry.length,
      })
    },
  )

  test('its hash is over its bytes and its signature', () => {
    const made = chain.sign(ada, changes[1]!)
    const expected = createHash('sha256')
      .update('parley.content.v1.ChainEntry\0')
      .update(made.entry)
      .update(made.signature)
      .digest()
    expect(Buffer.from(entryHash(crypto, made))).toEqual(expected)
    expect(Buffer.from(readEntry(crypto, made).hash)).toEqual(expected)
  })

  test('no bit of it can be changed', () => {
    const made = chain.sign(ada, changes[1]!)
    fc.assert(
      fc.property(
        fc.constantFrom('entry' as const, 'signature' as const),
        fc.nat(),
        fc.integer({ min: 0, max: 7 }),
        (field, at, bit) => {
          const bytes = made[field].slice()
          bytes[at % bytes.length]! ^= 1 << bit
          expect(reason(() => readEntry(crypto, { ...made, [field]: bytes }))).toMatch(
            /^ChainError (malformed|certificate|signature|unknown-change)$/,
          )
        },
      ),
      { numRuns: 400 },
    )
  })

  test('it is signed by the device of its certificate, for this purpose', () => {
    expect(reason(() => readEntry(crypto, signed({})))).toBe(undefined)
    expect(reason(() => readEntry(crypto, signed({}, { by: bob })))).toBe('ChainError signature')
    expect(reason(() => readEntry(crypto, signed({}, { label: 'parley.v1.Proof' })))).toBe(
      'ChainError signature',
    )
    expect(reason(() => readEntry(crypto, signed({ certificate: bob.first.certificate })))).toBe(
      'ChainError signature',
    )
  })

  const key = (accountKey: Uint8Array) => ({ case: 'add' as const, value: { accountKey } })
  const wrong: [what: string, fields: Fields, expected: string][] = [
    ['number 0', { number: 0 }, 'malformed'],
    ['number 1 with an entry before it', { number: 1 }, 'malformed'],
    ['no entry before it', { previous: new Uint8Array() }, 'malformed'],
    ['a hash of 31 bytes', { previous: new Uint8Array(31) }, 'malformed'],
    ['a group of 15 bytes', { groupId: new Uint8Array(15) }, 'malformed'],
    ['no certificate', { certificate: new Uint8Array() }, 'certificate'],
    ['no change', { change: { case: undefined } }, 'unknown-change'],
    ['a key of 31 bytes', { change: key(new Uint8Array(31)) }, 'malformed'],
    ['a key of small order', { change: key(new Uint8Array(32)) }, 'malformed'],
    [
      'a salt of 15 bytes',
      { change: { case: 'create', value: { salt: new Uint8Array(15), settings: SETTINGS } } },
      'malformed',
    ],
    [
      'a creation without settings',
      { change: { case: 'create', value: { salt: new Uint8Array(16) } } },
      'malformed',
    ],
    ['no name', { change: { case: 'settings', value: { ...SETTINGS, name: '' } } }, 'settings'],
    [
      'a name of 65',
      { change: { case: 'settings', value: { ...SETTINGS, name: 'n'.repeat(65) } } },
      'settings',
    ],
    [
      'a topic of 257',
      { change: { case: 'settings', value: { ...SETTINGS, topic: 't'.repeat(257) } } },
      'settings',
    ],
    ['a leave without a statement', { change: { case: 'leave', value: {} } }, 'malformed'],
  ]
  test.each(wrong)('with %s is none', (_, fields, expected) => {
    expect(reason(() => readEntry(crypto, signed(fields)))).toBe(`ChainError ${expected}`)
  })

  test('it has at most 4,096 bytes; fields that are unknown are room in it', () => {
    const good = chain.sign(ada, changes[1]!).entry
    const padded = (length: number): SignedChainEntry => {
      // Field 100, of bytes: a tag of two bytes, a length of two.
      const padding = length - good.length - 4
      const entry = Buffer.concat([
        good,
        Buffer.from([0xa2, 0x06, (padding & 127) | 128, padding >> 7]),
        Buffer.alloc(padding),
      ])
      const { privateKey } = ada.first.pair
      const signature = sign(crypto, { label: 'parley.content.v1.ChainEntry', bytes: entry, privateKey })
      return create(SignedChainEntrySchema, { entry, signature })
    }
    expect(readEntry(crypto, padded(4096))).toMatchObject({ size: 4096, number: 3 })
    expect(reason(() => readEntry(crypto, padded(4097)))).toBe('ChainError too-long')
  })

  test('hostile bytes are refused, and by nothing else than ChainError', () => {
    const bytes = fc.uint8Array({ maxLength: 200 })
    fc.assert(
      fc.property(bytes, bytes, (entry, signature) => {
        const hostile = create(SignedChainEntrySchema, { entry, signature })
        expect(reason(() => readEntry(crypto, hostile))).toMatch(/^ChainError /)
      }),
    )
  })
})

describe('the statement of a leave', () => {
  const leave = (change: Change) => (change.kind === 'leave' ? change.leave : undefined)!
  const good = leave(changes[6]!).signed

  test('is read as it was made', () => {
    expect(readLeave(crypto, good)).toMatchObject({
      accountKey: bob.key,
      deviceKey: bob.first.key,
      conversationId: chain.state!.id,
      added: 2,
    })
  })

  test('no bit of it can be changed', () => {
    for (const field of ['statement', 'signature'] as const) {
      for (let bit = 0; bit < good[field].length * 8; bit += 5) {
        const bytes = good[field].slice()
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        expect(reason(() => readLeave(crypto, { ...good, [field]: bytes }))).toMatch(/^ChainError /)
      }
    }
  })

  test('a longer one than anybody reads is refused before anything else', () => {
    const statement = new Uint8Array(4097)
    expect(reason(() => readLeave(crypto, { ...good, statement }))).toBe('ChainError too-long')
  })
})
