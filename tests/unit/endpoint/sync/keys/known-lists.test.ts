// Which lists of devices are new, so that the groups have to be compared with them.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { type LookupOutcome, LookupOutcomeSchema } from '../../../../../gen/parley/v1/key_exchange_pb.js'
import {
  makeAccount,
  type OwnAccount,
  restoreAccount,
} from '../../../../../services/endpoint/contacts/account.js'
import { listsIn, noteListed, saveList } from '../../../../../services/endpoint/sync/keys/known-lists.js'
import { claimOf, openTestContext, type TestContext } from '../../../../support/endpoint-context.js'

const bob = makeAccount('bob')
const phone = restoreAccount({ handle: 'bob', seed: bob.account.privateKey })
const carol = makeAccount('carol')

let endpoint: TestContext
beforeEach(async () => {
  endpoint = await openTestContext(makeAccount('alice'))
})

const lookup = (handle: string, ...devices: readonly OwnAccount[]): LookupOutcome =>
  create(LookupOutcomeSchema, {
    handle,
    outcome: {
      case: 'devices',
      value: { deviceCertificates: devices.map(({ certificate }) => certificate) },
    },
  })
const shown = (...lookups: LookupOutcome[]) => listsIn(endpoint.context.records, lookups)
const compared = (...lookups: LookupOutcome[]) =>
  endpoint.written(tx => {
    for (const list of listsIn(tx, lookups)) saveList(tx, list)
  })
const isNew = (...lookups: LookupOutcome[]) => shown(...lookups).map(list => list.isNew)

describe('a list', () => {
  test('is new until the groups were compared with it, and again when it is another one', async () => {
    expect(isNew(lookup('bob', bob), lookup('carol', carol))).toEqual([true, true])
    await compared(lookup('bob', bob))
    expect(isNew(lookup('bob', bob), lookup('carol', carol))).toEqual([false, true])
    expect(isNew(lookup('bob', bob, phone))).toEqual([true])
    expect(isNew(lookup('bob'))).toEqual([true])
  })

  test('is the same in another order', async () => {
    await compared(lookup('bob', bob, phone))
    expect(isNew(lookup('bob', phone, bob))).toEqual([false])
  })

  test('has the devices of its handle alone, whatever else the server lists in it', () => {
    const [list] = shown(lookup('bob', bob, carol))
    expect(list?.devices().map(({ deviceKey }) => deviceKey)).toEqual([bob.device.publicKey])
    expect(list?.accountKeys).toEqual([bob.account.publicKey])
  })

  test('knows its account keys when it is not new, without a look at the certificates', async () => {
    await compared(lookup('bob', bob))
    expect(shown(lookup('bob', bob))[0]?.accountKeys).toEqual([bob.account.publicKey])
  })

  test('of somebody who is unknown is none', () => {
    const unknown = create(LookupOutcomeSchema, { handle: 'bob', outcome: { case: 'unknown', value: {} } })
    expect(shown(unknown)).toEqual([])
  })
})

describe('an account', () => {
  const meet = (who: OwnAccount) =>
    endpoint.written((tx, { context }) => void context.contacts.meet(tx, claimOf(who)))
  const note = (...lookups: LookupOutcome[]) =>
    endpoint.written((tx, { context }) => noteListed(context, tx, listsIn(tx, lookups)))
  const hasChanged = () => endpoint.context.contacts.hasChanged(bob.account.publicKey)

  test.each([{ known: false }, { known: true }])(
    'whose pinned key is not listed any more has changed, the list being known or not: %j',
    async ({ known }) => {
      const other = makeAccount('bob')
      if (known) await compared(lookup('bob', other))
      await meet(bob)
      await note(lookup('bob', other))
      expect(hasChanged()).toBe(true)
    },
  )

  test('whose pinned key is among those listed has not', async () => {
    await meet(bob)
    await note(lookup('bob', makeAccount('bob'), bob))
    expect(hasChanged()).toBe(false)
  })

  test('of which nothing is listed has not', async () => {
    await meet(bob)
    await note(lookup('bob'))
    expect(hasChanged()).toBe(false)
  })

  test('that is listed again instead of another one has not changed, which is told', async () => {
    const other = makeAccount('bob')
    await meet(bob)
    await note(lookup('bob', other))
    await note(lookup('bob', bob, other))
    expect(hasChanged()).toBe(true)
    endpoint.told.length = 0
    await note(lookup('bob', bob))
    expect(hasChanged()).toBe(false)
    expect(endpoint.told).toMatchObject([{ notice: { code: 'impostor', handle: 'bob' } }])
  })
})
