import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { KeyChangePolicy } from '../../../../../services/endpoint/contacts/trust.js'
import { ChangedKeys } from '../../../../../services/endpoint/sync/keys/changed-keys.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { FakeDirectory } from '../../../../support/fake-directory.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const another = makeAccount('bob')

let endpoint: TestContext
let directory: FakeDirectory
let decided: number

beforeEach(async () => {
  endpoint = await openTestContext(alice)
  directory = new FakeDirectory(endpoint.context.engine, alice)
  decided = 0
  await endpoint.written((tx, { context }) => {
    context.contacts.meet(tx, { handle: 'bob', accountKey: bob.account.publicKey })
    context.contacts.meet(tx, { handle: 'bob', accountKey: another.account.publicKey })
  })
  endpoint.told.length = 0
})

const changedKeys = (policy: KeyChangePolicy) =>
  new ChangedKeys({ ...endpoint, exchange: directory.exchange, policy })
const settle = (keys: ChangedKeys) => keys.settle(() => decided++)
const trust = () => ({
  pinned: endpoint.context.contacts.trust(bob.account.publicKey),
  changed: endpoint.context.contacts.hasChanged(bob.account.publicKey),
})

test('that the server lists waits for a person; it is told of, and looked into once', async () => {
  directory.list(another)
  const keys = changedKeys('block')
  await settle(keys)
  await settle(keys)
  expect(endpoint.told).toMatchObject([{ type: 'key-changed', handle: 'bob', policy: 'block' }])
  expect({ ...trust(), decided, calls: directory.calls.length }).toEqual({
    pinned: 'pinned',
    changed: true,
    decided: 0,
    calls: 1,
  })
})

test.each(['warn', 'accept'] as const)(
  'that the server lists is accepted where the policy is %s',
  async policy => {
    directory.list(another)
    await settle(changedKeys(policy))
    expect(endpoint.told).toMatchObject([{ type: 'key-changed', policy }])
    expect({ ...trust(), decided }).toEqual({ pinned: 'other', changed: false, decided: 1 })
  },
)

test('that the server does not list is an impostor’s, whatever the policy', async () => {
  directory.list(bob)
  await settle(changedKeys('accept'))
  expect(endpoint.told).toMatchObject([{ type: 'notice', notice: { code: 'impostor', handle: 'bob' } }])
  expect({ ...trust(), decided }).toEqual({ pinned: 'pinned', changed: false, decided: 1 })
})

test('of somebody whom the server does not list at all waits for a person, whatever the policy', async () => {
  await settle(changedKeys('accept'))
  expect(endpoint.told).toMatchObject([{ type: 'key-changed', policy: 'block' }])
  expect({ ...trust(), decided }).toEqual({ pinned: 'pinned', changed: true, decided: 0 })
})

describe('a line that goes down', () => {
  test('leaves it for the next time', async () => {
    directory.list(another)
    directory.downAt = 1
    const keys = changedKeys('accept')
    await expect(settle(keys)).rejects.toMatchObject({ name: 'RpcError' })
    expect(endpoint.told).toEqual([])
    directory.downAt = Number.POSITIVE_INFINITY
    await settle(keys)
    expect(decided).toBe(1)
  })
})

test('while one is looked into it is not looked into again', async () => {
  directory.list(another)
  const keys = changedKeys('block')
  await Promise.all([settle(keys), settle(keys)])
  expect(directory.calls).toHaveLength(1)
})

test('a further change is looked into, too', async () => {
  directory.list(another)
  const keys = changedKeys('block')
  await settle(keys)
  const third = makeAccount('bob')
  await endpoint.written(
    (tx, { context }) =>
      void context.contacts.meet(tx, { handle: 'bob', accountKey: third.account.publicKey }),
  )
  directory.list(third)
  await settle(keys)
  expect(directory.calls).toHaveLength(2)
})
