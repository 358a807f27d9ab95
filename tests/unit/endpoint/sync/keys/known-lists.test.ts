// The lists of devices that the server shows, and what is taken from them.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { type LookupOutcome, LookupOutcomeSchema } from '../../../../../gen/parley/v1/key_exchange_pb.js'
import {
  makeAccount,
  type NewAccount,
  type OwnAccount,
  restoreAccount,
} from '../../../../../services/endpoint/contacts/account.js'
import type { Shown } from '../../../../../services/endpoint/contacts/account-lists.js'
import { listsIn, noteListed, usedDevices } from '../../../../../services/endpoint/sync/keys/known-lists.js'
import { shownList } from '../../../../support/device-lists.js'
import { claimOf, openTestContext, type TestContext } from '../../../../support/endpoint-context.js'

const bob = makeAccount('bob')
const phone = restoreAccount({ handle: 'bob', seed: bob.account.privateKey })
const other = makeAccount('bob')

let endpoint: TestContext
beforeEach(async () => {
  endpoint = await openTestContext(makeAccount('alice'))
})

const lookup = (handle: string, { deviceList, removals }: Shown): LookupOutcome =>
  create(LookupOutcomeSchema, {
    handle,
    outcome: { case: 'devices', value: { deviceList, removals: [...removals] } },
  })
const shown = (...lookups: LookupOutcome[]) => listsIn(endpoint.context, lookups)
const note = (...lookups: LookupOutcome[]) =>
  endpoint.written((tx, { context }) => noteListed(context, tx, listsIn(context, lookups)))
const used = (account: NewAccount) =>
  usedDevices(endpoint.context, { handle: account.handle, accountKey: account.account.publicKey }).map(
    ({ deviceKey }) => deviceKey,
  )
const idOf = ({ device }: OwnAccount) => device.publicKey

describe('a list', () => {
  test('counts for its own handle, and where it holds', () => {
    const list = shownList([bob])
    expect(shown(lookup('bob', list))).toMatchObject([{ handle: 'bob', accountKey: bob.account.publicKey }])
    expect(shown(lookup('carol', list))).toEqual([])
    expect(shown(lookup('bob', { ...list, deviceList: list.deviceList.slice(1) }))).toEqual([])
    const unknown = create(LookupOutcomeSchema, { handle: 'bob', outcome: { case: 'unknown', value: {} } })
    expect(shown(unknown)).toEqual([])
  })

  test('of another server, or of a far day, is none', async () => {
    await endpoint.written(tx =>
      tx.put('server', { group: 0n, id: 0n }, { serverId: new Uint8Array(16).fill(1) }),
    )
    expect(shown(lookup('bob', shownList([bob])))).toEqual([])
    const here = { serverId: new Uint8Array(16).fill(1) }
    expect(shown(lookup('bob', shownList([bob], here)))).toHaveLength(1)
    const number = Math.trunc(endpoint.clock.now() / 1000) + 2 * 86_400
    expect(shown(lookup('bob', shownList([bob], { ...here, number })))).toEqual([])
  })

  test('that is older than the known one brings nobody back', async () => {
    await note(lookup('bob', shownList([bob, phone], { number: 1 })))
    expect(used(bob)).toEqual([idOf(bob), idOf(phone)])
    await note(lookup('bob', shownList([bob], { number: 2 })))
    await note(lookup('bob', shownList([bob, phone], { number: 1 })))
    expect(used(bob)).toEqual([idOf(bob)])
  })

  test('without a removal that is known takes nothing of it back', async () => {
    await note(lookup('bob', shownList([bob, phone], { removals: [[bob, phone]] })))
    await note(lookup('bob', shownList([bob, phone])))
    expect(used(bob)).toEqual([idOf(bob)])
  })

  test('of the same number as another is told of, and both hold', async () => {
    await note(lookup('bob', shownList([bob, phone])))
    await note(lookup('bob', shownList([phone])))
    expect(used(bob)).toEqual([idOf(phone)])
    expect(endpoint.told).toContainEqual(
      expect.objectContaining({ notice: { code: 'lists-forked', handle: 'bob' } }),
    )
  })

  test('has to be compared with the groups until that is done, and again when it is another one', async () => {
    const { publicKey } = bob.account
    const isCompared = () => endpoint.context.lists.isCompared(publicKey)
    await note(lookup('bob', shownList([bob])))
    expect(isCompared()).toBe(false)
    await endpoint.written((tx, { context }) => context.lists.noteCompared(tx, publicKey))
    await note(lookup('bob', shownList([bob])))
    expect(isCompared()).toBe(true)
    await note(lookup('bob', shownList([bob, phone], { number: 2 })))
    expect(isCompared()).toBe(false)
  })
})

describe('an account', () => {
  const meet = (who: OwnAccount) =>
    endpoint.written((tx, { context }) => void context.contacts.meet(tx, claimOf(who)))
  const hasChanged = () => endpoint.context.contacts.hasChanged(bob.account.publicKey)

  test('whose handle the server lists for another key has changed', async () => {
    await meet(bob)
    await note(lookup('bob', shownList([other])))
    expect(hasChanged()).toBe(true)
  })

  test('whose pinned key is listed has not', async () => {
    await meet(bob)
    await note(lookup('bob', shownList([bob])))
    expect(hasChanged()).toBe(false)
  })

  test('that is listed again instead of another one has not changed, which is told', async () => {
    await meet(bob)
    await note(lookup('bob', shownList([other])))
    expect(hasChanged()).toBe(true)
    endpoint.told.length = 0
    await note(lookup('bob', shownList([bob])))
    expect(hasChanged()).toBe(false)
    expect(endpoint.told).toMatchObject([{ notice: { code: 'impostor', handle: 'bob' } }])
  })
})
