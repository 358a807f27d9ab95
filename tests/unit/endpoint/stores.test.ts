// The stores put together: what a unit of work sees, and what is seen outside of it.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../services/endpoint/contacts/account.js'
import { countOf, groupNumber } from '../../../services/endpoint/ids.js'
import { openTestContext, type TestContext } from '../../support/endpoint-context.js'
import { groupWithPerson } from '../../support/endpoint-groups.js'

const bob = makeAccount('bob')

let endpoint: TestContext
beforeEach(async () => {
  endpoint = await openTestContext(makeAccount('alice'))
})

describe('the stores of a unit of work', () => {
  test('see what it has changed; those of all others what is saved', async () => {
    await endpoint.transaction(({ context, outbox, tx }) => {
      const number = context.conversations.open(tx, bob.account.publicKey)
      context.contacts.block(tx, bob.account.publicKey, true)
      outbox.add(tx, groupNumber(1n), { case: undefined })
      expect(context.conversations.withPerson(bob.account.publicKey)).toBe(number)
      expect(context.contacts.isBlocked(bob.account.publicKey)).toBe(true)
      expect([outbox.items().length, context.outbox.items().length]).toEqual([1, 1])
      expect(endpoint.context.conversations.withPerson(bob.account.publicKey)).toBeUndefined()
      expect(endpoint.context.contacts.isBlocked(bob.account.publicKey)).toBe(false)
      expect(endpoint.outbox.items()).toEqual([])
    })
    expect(endpoint.context.contacts.isBlocked(bob.account.publicKey)).toBe(true)
    expect(endpoint.outbox.items().length).toBe(1)
  })

  test('do not change what another one has read', async () => {
    const group = await groupWithPerson(endpoint, bob)
    const changing = endpoint.transaction(({ context, tx }) =>
      context.groups.change(tx, group, { nextCount: countOf(9n) }),
    )
    await expect(changing).rejects.toThrow('not of this unit of work')
    const elsewhere = endpoint.transaction(({ tx }) =>
      endpoint.context.contacts.block(tx, bob.account.publicKey, true),
    )
    await expect(elsewhere).rejects.toThrow('not of this unit of work')
  })

  test('have what there is to do by itself brought up to date with it', async () => {
    const { number } = await groupWithPerson(endpoint, bob)
    expect(endpoint.context.due.all().map(({ group }) => group)).toEqual([number])
  })
})
