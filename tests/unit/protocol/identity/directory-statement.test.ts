import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { IdentityError } from '../../../../services/protocol/error.js'
import {
  type DirectoryStatement,
  makeDirectoryStatement,
  readDirectoryStatement,
  saysOfList,
} from '../../../../services/protocol/identity/directory-statement.js'
import { accountKey } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { keyPairOf, sign } from '../../../../services/protocol/signature.js'

const directory = keyPairOf(crypto, new Uint8Array(32).fill(1))
const other = keyPairOf(crypto, new Uint8Array(32).fill(2))
const ACCOUNT = accountKey(keyPairOf(crypto, new Uint8Array(32).fill(3)).publicKey)

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const listed = fc.record({
  accountKey: bytes(32).map(seed => accountKey(keyPairOf(crypto, seed).publicKey)),
  number: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  hash: bytes(32),
})
const statement: fc.Arbitrary<DirectoryStatement> = fc.record({
  serverId: bytes(16),
  handle: fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,31}$/),
  time: fc.integer({ min: 0, max: 8_640_000_000_000_000 }),
  listed: fc.option(listed, { nil: undefined }),
})
const ONE: DirectoryStatement = {
  serverId: new Uint8Array(16).fill(9),
  handle: 'ada',
  time: 1_800_000_000_000,
  listed: { accountKey: ACCOUNT, number: 7, hash: new Uint8Array(32).fill(4) },
}
const reasonOf = (call: () => unknown) => {
  try {
    call()
  } catch (error) {
    if (error instanceof IdentityError) return error.reason
    throw error
  }
  return undefined
}

describe('a statement of a directory', () => {
  test('is read as it was made, and is as short as it is reckoned with', () => {
    fc.assert(
      fc.property(statement, said => {
        const signed = makeDirectoryStatement(crypto, directory, said)
        expect(readDirectoryStatement(crypto, signed, directory.publicKey)).toEqual(said)
        expect(signed.statement.length + signed.signature.length + 4).toBeLessThanOrEqual(206)
      }),
    )
  })

  test('counts for the key that signed it, as it was signed, and for nothing else', () => {
    const signed = makeDirectoryStatement(crypto, directory, ONE)
    const read = (changed: Partial<typeof signed>, key = directory.publicKey) =>
      reasonOf(() => readDirectoryStatement(crypto, { ...signed, ...changed }, key))
    expect(read({})).toBeUndefined()
    expect(read({}, other.publicKey)).toBe('signature')
    expect(read({}, new Uint8Array())).toBe('signature')
    const longer = makeDirectoryStatement(crypto, directory, { ...ONE, handle: 'eve' })
    expect(read({ statement: longer.statement })).toBe('signature')
    expect(read({ signature: longer.signature })).toBe('signature')
    const label = 'parley.v1.DeviceList' as const
    const { privateKey } = directory
    const { statement: signedBytes } = signed
    expect(read({ signature: sign(crypto, { label, bytes: signedBytes, privateKey }) })).toBe('signature')
  })

  test.each<[string, Partial<DirectoryStatement>, string]>([
    ['a server without an id', { serverId: new Uint8Array() }, 'malformed'],
    ['what is no handle', { handle: 'Ada' }, 'handle'],
    ['a time before 1970', { time: -1 }, 'malformed'],
    ['a list without a number', { listed: { ...ONE.listed!, number: 0 } }, 'malformed'],
    ['a hash that is too short', { listed: { ...ONE.listed!, hash: new Uint8Array(31) } }, 'malformed'],
    [
      'what is no key',
      { listed: { ...ONE.listed!, accountKey: accountKey(new Uint8Array(32)) } },
      'malformed',
    ],
  ])('of %s is not made', (_, changed, reason) => {
    expect(reasonOf(() => makeDirectoryStatement(crypto, directory, { ...ONE, ...changed }))).toBe(reason)
  })

  test('that says neither that somebody is listed nor that nobody is says nothing', () => {
    // Field 1, the id, field 2, the handle, and field 3, the time.
    const neither = Uint8Array.from([0x0a, 16, ...ONE.serverId, 0x12, 3, 0x61, 0x64, 0x61, 0x18, 1])
    const { privateKey } = directory
    const signature = sign(crypto, { label: 'parley.v1.DirectoryStatement', bytes: neither, privateKey })
    const read = () => readDirectoryStatement(crypto, { statement: neither, signature }, directory.publicKey)
    expect(reasonOf(read)).toBe('malformed')
  })

  test('of any bytes is refused by an IdentityError', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.uint8Array({ maxLength: 70 }),
        (statement, signature) => {
          const read = () => readDirectoryStatement(crypto, { statement, signature }, directory.publicKey)
          expect(['malformed', 'handle', 'signature']).toContain(reasonOf(read))
        },
      ),
    )
  })
})

test('a statement says one list, and none but that', () => {
  const list = ONE.listed!
  expect(saysOfList(ONE, list)).toBe(true)
  expect(saysOfList(ONE, undefined)).toBe(false)
  expect(saysOfList({ listed: undefined }, list)).toBe(false)
  expect(saysOfList({ listed: undefined }, undefined)).toBe(true)
  expect(saysOfList(ONE, { ...list, number: 8 })).toBe(false)
  expect(saysOfList(ONE, { ...list, hash: new Uint8Array(32) })).toBe(false)
  expect(saysOfList(ONE, { ...list, accountKey: accountKey(other.publicKey) })).toBe(false)
})
