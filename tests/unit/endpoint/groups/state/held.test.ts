// All that a group holds besides its MLS state, as it is kept and read again.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import {
  atState,
  contextOf,
  hasNotBegun,
  heldOf,
  keptBytes,
  leafOf,
  newLeafOf,
} from '../../../../../services/endpoint/groups/state/held.js'
import type { Engine, Member } from '../../../../../services/endpoint/mls/engine.js'
import { encodeLeafList } from '../../../../../services/protocol/conversation/leaves.js'
import { openTestContext } from '../../../../support/endpoint-context.js'
import { foundGroup } from '../../../../support/endpoint-groups.js'
import { leafDataOf, listOf } from '../../../../support/known-accounts.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')

let engine: Engine
beforeEach(async () => {
  engine = (await openTestContext(alice)).context.engine
})
const room = () => foundGroup(engine, alice, { others: [bob], room: {} })

describe('what a group holds', () => {
  test('is kept and read again, of a room and of two people', async () => {
    for (const { state, held } of [await room(), await foundGroup(engine, alice, { others: [bob] })]) {
      expect(heldOf(engine, state, keptBytes(held))).toEqual(held)
      expect([held.epoch, held.leaves.length]).toEqual([1n, 2])
    }
  })

  test('is taken of its own state alone', async () => {
    const [one, other] = [await room(), await room()]
    expect(() => heldOf(engine, one.state, keptBytes(other.held))).toThrow('group-state')
    expect(() => heldOf(engine, one.state, Uint8Array.of(255))).toThrow('malformed')
    const { entries } = one.held
    const shorter = keptBytes({ ...one.held, entries: entries.slice(0, 1) })
    expect(() => heldOf(engine, one.state, shorter)).toThrow('group-state')
    const [first, ...others] = entries
    const forged = { ...first!, signed: { ...first!.signed, signature: new Uint8Array(64) } }
    expect(() => heldOf(engine, one.state, keptBytes({ ...one.held, entries: [forged, ...others] }))).toThrow(
      'chain',
    )
    const ledger = { ...one.held.ledger, accounts: one.held.ledger.accounts.slice(1) }
    expect(() => heldOf(engine, one.state, keptBytes({ ...one.held, ledger }))).toThrow('group-state')
  })

  test('is the same at a state with other leaves, whose epoch and leaves it has', async () => {
    const { state, held } = await room()
    const { pending } = await engine.commit(state, { remove: [1] })
    const next = engine.adopt(state, pending).state
    expect(atState(engine, held, next)).toEqual({ ...held, epoch: 2n, leaves: held.leaves.slice(0, 1) })
  })

  test('has begun for others with its first commit', async () => {
    const { held } = await room()
    expect([held, { ...held, epoch: 0n }].map(each => hasNotBegun({ held: each }))).toEqual([false, true])
  })
})

test('a group says of itself its id, its epoch, its state and its leaves', async () => {
  const { state, held, conversationId } = await room()
  const { groupId, epoch, leaves, groupState } = contextOf(engine, state)
  expect([groupId, epoch, leaves]).toEqual([conversationId, 1n, held.leaves])
  expect(groupState).toEqual(engine.settings(state))
})

describe('a leaf', () => {
  const member = (leafData?: Uint8Array): Member => ({
    ...{ leaf: 0, identity: bob.certificate, signatureKey: bob.device.publicKey },
    ...(leafData && { leafData }),
  })

  test('is of a device of an account, and names a list of it', () => {
    const { number, hash } = listOf(bob)
    const expected = {
      ...{ accountKey: bob.account.publicKey, deviceKey: bob.device.publicKey, list: { number, hash } },
      serverId: listOf(bob).serverId,
    }
    for (const read of [leafOf, newLeafOf]) expect(read(member(leafDataOf(bob)))).toEqual(expected)
  })

  test('that names none, or what is none, names one that no group can have', () => {
    for (const leafData of [undefined, Uint8Array.of(255), new Uint8Array()])
      for (const read of [leafOf, newLeafOf]) {
        const { list } = read(member(leafData))
        expect(list.hash).toHaveLength(0)
        expect(() => encodeLeafList(list)).not.toThrow()
        expect(list.number).toBe(Number.MAX_SAFE_INTEGER)
      }
  })

  test('of a newcomer whose certificate does not hold is none', () => {
    const identity = bob.certificate.map((byte, at) => (at === 20 ? byte ^ 1 : byte))
    expect(() => newLeafOf({ ...member(leafDataOf(bob)), identity })).toThrow()
  })
})
