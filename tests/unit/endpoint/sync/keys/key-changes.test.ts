import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import type { LiveGroup } from '../../../../../services/endpoint/groups/state/groups.js'
import { acceptKey, settleChange } from '../../../../../services/endpoint/sync/keys/key-changes.js'
import {
  accountFingerprint,
  formatFingerprint,
} from '../../../../../services/protocol/identity/fingerprint.js'
import { nodeCrypto as crypto } from '../../../../../services/protocol/node/crypto.js'
import { claimOf, openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { groupWith, groupWithPerson } from '../../../../support/endpoint-groups.js'

const bob = makeAccount('bob')
const another = makeAccount('bob')

let endpoint: TestContext
/** The groups with each of the two who go by that handle. */
let groups: { former: LiveGroup; changed: LiveGroup }

beforeEach(async () => {
  endpoint = await openTestContext(makeAccount('alice'))
  groups = {
    former: await groupWithPerson(endpoint, bob),
    changed: await groupWithStranger(),
  }
})

/** Somebody else who goes by that handle has written first. */
const groupWithStranger = () =>
  groupWith(endpoint, {
    others: [another],
    open({ context, tx }) {
      context.contacts.see(tx, claimOf(another))
      return context.conversations.open(tx, another.account.publicKey)
    },
  })
const meet = (...keys: (typeof bob)[]) =>
  endpoint.written((tx, { context }) => {
    for (const { account } of keys)
      context.contacts.meet(tx, { handle: 'bob', accountKey: account.publicKey })
  })
const titles = () => endpoint.context.conversations.all().map(({ peer }) => peer)
const keyOf = ({ account }: typeof bob) => formatFingerprint(accountFingerprint(crypto, account.publicKey))
const hasEnded = ({ number }: LiveGroup) => endpoint.context.groups.get(number)?.phase.name === 'ended'
const ended = () => ({ former: hasEnded(groups.former), changed: hasEnded(groups.changed) })
const settle = (...listed: (typeof bob)[]) =>
  endpoint.written((tx, { context }) =>
    settleChange(context, tx, 'bob', {
      listed: listed.map(({ account }) => account.publicKey),
      policy: 'accept',
    }),
  )

describe('a person who accepts', () => {
  test('a changed key has the groups with the former one ended, and hears so', async () => {
    await meet(bob, another)
    const former = keyOf(bob)
    for (const shown of [former, 'SHA256:x']) {
      const refused = endpoint.written((tx, { context }) => acceptKey(context, tx, 'bob', shown))
      const why = { code: 'key-swapped', handle: 'bob', shown, seen: keyOf(another) }
      await expect(refused).rejects.toMatchObject({ why })
    }
    expect(ended()).toEqual({ former: false, changed: false })
    await endpoint.written((tx, { context }) => acceptKey(context, tx, 'bob', keyOf(another)))
    expect(ended()).toEqual({ former: true, changed: false })
    expect(titles()).toEqual(['bob'])
    const [conversation] = endpoint.context.conversations.all()
    expect(
      endpoint.context.groups
        .of(conversation!.number)
        .map(({ number }) => number)
        .sort(),
    ).toEqual([groups.former.number, groups.changed.number])
    expect(endpoint.told.at(-1)).toEqual({ type: 'contact', handle: 'bob', change: 'accepted' })
  })

  test('a key that has not changed is told that there is nothing to accept', async () => {
    await meet(bob)
    const accepted = endpoint.written((tx, { context }) => acceptKey(context, tx, 'bob', keyOf(another)))
    await expect(accepted).rejects.toMatchObject({ name: 'Refusal' })
    expect(ended()).toEqual({ former: false, changed: false })
  })
})

test('a key that the server lists takes the place of the pinned one', async () => {
  await meet(bob, another)
  expect(await settle(another)).toBe(true)
  expect(ended()).toEqual({ former: true, changed: false })
})

test('the pinned key stays where the server lists it again, and the conversations are two', async () => {
  await meet(bob, another)
  expect(await settle(bob)).toBe(true)
  expect(ended()).toEqual({ former: false, changed: false })
  expect(titles()).toEqual(['bob', expect.stringMatching(/^bob~/)])
  expect(endpoint.context.contacts.trust(bob.account.publicKey)).toBe('pinned')
})

test('a server that lists both takes the changed one for the true one', async () => {
  await meet(bob, another)
  expect(await settle(bob, another)).toBe(true)
  expect(ended()).toEqual({ former: true, changed: false })
})

test('where nothing has changed sending goes on', async () => {
  await meet(bob)
  endpoint.told.length = 0
  expect(await settle()).toBe(true)
  expect(endpoint.told).toEqual([])
})
