// Trust in keys: what is compared, what is marked, and what is refused.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import { markVerified, setBlocked, verification } from '../../../../services/endpoint/contacts/trust.js'
import { accountFingerprint, formatFingerprint } from '../../../../services/protocol/identity/fingerprint.js'
import { safetyNumber } from '../../../../services/protocol/identity/safety-number.js'
import { accountKey } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'

const alice = makeAccount('alice')
const key = (fill: number) => accountKey(new Uint8Array(32).fill(fill))

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
})

const meet = (fill: number) =>
  testing.written((tx, { context }) => context.contacts.meet(tx, { handle: 'bob', accountKey: key(fill) }))
const mark = () => testing.written((tx, { context }) => markVerified(context, tx, 'bob'))
const block = (blocked: boolean) =>
  testing.written((tx, { context }) => setBlocked(context, tx, 'bob', blocked))
const look = () => verification(testing.context, 'bob')
const fingerprint = (fill: number) => formatFingerprint(accountFingerprint(crypto, key(fill)))
const numberWith = (fill: number) => safetyNumber(crypto, [alice.account.publicKey, key(fill)])

describe('a safety number', () => {
  test('is of the pinned key, and says whether it was compared', async () => {
    await meet(1)
    expect(look()).toEqual({
      ...{ number: numberWith(1), fingerprint: fingerprint(1) },
      ...{ isNew: false, isVerified: false },
    })
    testing.told.length = 0
    await mark()
    expect(look()).toMatchObject({ isVerified: true })
    expect(testing.told).toEqual([{ type: 'contact', handle: 'bob', change: 'verified' }])
  })

  test('is of the changed key, where there is one: that is what a person decides on', async () => {
    await meet(1)
    await mark()
    await meet(2)
    expect(look()).toEqual({
      ...{ number: numberWith(2), fingerprint: fingerprint(2) },
      ...{ isNew: true, isVerified: false },
    })
  })

  test('of somebody whose key is not known is refused', async () => {
    const unknown = { why: { code: 'key-unknown', handle: 'bob' } }
    expect(look).toThrow(expect.objectContaining(unknown))
    await expect(mark()).rejects.toMatchObject(unknown)
    await block(true)
    expect(look).toThrow(expect.objectContaining(unknown))
    await expect(mark()).rejects.toMatchObject(unknown)
  })

  test('of a changed key cannot be marked before that is accepted', async () => {
    await meet(1)
    await meet(2)
    await expect(mark()).rejects.toMatchObject({ why: { code: 'key-changed', handle: 'bob' } })
    expect([1, 2].map(fill => testing.context.contacts.isVerified(key(fill)))).toEqual([false, false])
  })
})

test('a mark is for the key that was shown, and not for one that came since', async () => {
  await meet(1)
  const markOf = (fill: number) =>
    testing.written((tx, { context }) => markVerified(context, tx, 'bob', fingerprint(fill)))
  const why = { code: 'key-swapped', handle: 'bob', shown: fingerprint(2), seen: fingerprint(1) }
  await expect(markOf(2)).rejects.toMatchObject({ why })
  expect(testing.context.contacts.isVerified(key(1))).toBe(false)
  await markOf(1)
  expect(testing.context.contacts.isVerified(key(1))).toBe(true)
})

describe('blocking', () => {
  test('is told, and refused where it is so already', async () => {
    await block(true)
    expect(testing.context.contacts.handles.get('bob')?.blocked).toBe(true)
    await expect(block(true)).rejects.toMatchObject({ why: { code: 'already-blocked', handle: 'bob' } })
    await block(false)
    await expect(block(false)).rejects.toMatchObject({ why: { code: 'not-blocked', handle: 'bob' } })
    expect(testing.told).toEqual([
      { type: 'contact', handle: 'bob', change: 'blocked' },
      { type: 'contact', handle: 'bob', change: 'unblocked' },
    ])
  })
})
