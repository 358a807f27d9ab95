// Strangers ask first: what a person decides about them, and what follows.

import { fromBinary } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { RosterLeaveSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import type { Context } from '../../../../services/endpoint/context.js'
import type { LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import {
  admit,
  askerOf,
  decline,
  isRequest,
  placeFor,
  REQUESTS,
  SET_ASIDE,
  SET_ASIDE_OF_ONE,
  viewRequests,
} from '../../../../services/endpoint/messages/requests.js'
import { verifyLeave } from '../../../../services/protocol/log/roster-leave.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { groupWith } from '../../../support/endpoint-groups.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
})

/** A conversation with this device that somebody has opened whom nobody has let in, or a room. */
const asks = (by: OwnAccount, roomName?: string): Promise<LiveGroup> =>
  groupWith(testing, {
    others: [by],
    open: ({ context, tx }) =>
      context.conversations.request(tx, by.account.publicKey, { ...(roomName && { roomName }) }),
    phase: { name: 'requested' },
    ...(roomName && { room: { name: roomName } }),
  })
const phase = ({ number }: LiveGroup) => testing.context.groups.get(number)!.phase
const shown = () => viewRequests(testing.context).map(({ peer }) => peer)
const nameOf = ({ account }: OwnAccount) => testing.context.contacts.nameOf(account.publicKey)
const keyOf = ({ account }: OwnAccount) => account.publicKey

describe('whether somebody has to ask', () => {
  const has = (by: OwnAccount, policy: Context['requests']) =>
    testing.written((tx, { context }) =>
      isRequest(Object.assign(Object.create(context), { requests: policy }), tx, keyOf(by)),
    )

  test('is up to the person, and those who are let in once have not', async () => {
    expect(await has(bob, 'hold')).toBe(true)
    expect(testing.context.contacts.isAdmitted(keyOf(bob))).toBe(false)
    expect(await has(bob, 'accept')).toBe(false)
    expect(testing.context.contacts.isAdmitted(keyOf(bob))).toBe(true)
    expect(await has(bob, 'hold')).toBe(false)
  })

  test('is never asked of another device of this account', async () => {
    expect(await has(alice, 'hold')).toBe(false)
  })
})

describe('the place of a request', () => {
  const place = (by: OwnAccount) => testing.written((tx, { context }) => placeFor(context, tx, keyOf(by)))
  const fill = (requests: number, setAside: boolean) =>
    testing.written((tx, { context }) => {
      for (let each = 0; each < requests; each++)
        context.conversations.request(tx, keyOf(makeAccount('guest')), { setAside })
    })

  test('is before the person twice a day, and aside after that', async () => {
    expect([await place(bob), await place(bob), await place(bob), await place(carol)]).toEqual([
      'shown',
      'shown',
      'set-aside',
      'shown',
    ])
    testing.clock.pass(24 * 3_600_000)
    expect(await place(bob)).toBe('shown')
  })

  test('is aside while so many wait, and nowhere while so many are set aside', async () => {
    await fill(REQUESTS - 1, false)
    expect(await place(bob)).toBe('shown')
    await asks(carol)
    expect(await place(bob)).toBe('set-aside')
    await fill(SET_ASIDE, true)
    expect(await place(bob)).toBeUndefined()
  })

  test('is not taken up by strangers where something is known of who asks, nor by those who are blocked', async () => {
    await fill(REQUESTS, false)
    await fill(SET_ASIDE - 1, true)
    await testing.written((tx, { context }) => {
      context.conversations.request(tx, keyOf(carol), { setAside: true })
      context.contacts.block(tx, keyOf(carol), true)
    })
    expect(await place(bob)).toBe('set-aside')
    await fill(1, true)
    expect(await place(bob)).toBeUndefined()
    await testing.written((tx, { context }) => context.contacts.verify(tx, keyOf(bob)))
    expect(await place(bob)).toBe('shown')
  })

  test('is nowhere for one account that has so many aside, also when it is blocked', async () => {
    await fill(REQUESTS, false)
    await testing.written((tx, { context }) => {
      for (let each = 0; each < SET_ASIDE_OF_ONE; each++)
        context.conversations.request(tx, keyOf(bob), { roomName: 'tea', setAside: true })
    })
    expect([await place(bob), await place(carol)]).toEqual([undefined, 'set-aside'])
    await testing.written((tx, { context }) => context.contacts.block(tx, keyOf(bob), true))
    expect(await place(bob)).toBeUndefined()
  })
})

describe('a person', () => {
  const decide = (what: typeof admit | typeof decline, about: OwnAccount) =>
    testing.written((tx, { context }) => what(context, tx, keyOf(about)))

  test('lets somebody in: all that they have asked for is there, and nothing of others', async () => {
    const groups = [await asks(bob), await asks(bob, 'tea'), await asks(carol)]
    expect(shown()).toHaveLength(3)
    testing.told.length = 0
    await decide(admit, bob)
    expect(groups.map(group => phase(group).name)).toEqual(['active', 'active', 'requested'])
    expect(shown()).toEqual([nameOf(carol)])
    expect(
      testing.told.filter(event => event.type === 'conversation' && event.state === 'ready'),
    ).toHaveLength(2)
    expect(testing.outbox.items()).toEqual([])
  })

  test('declines: this device leaves all of it in silence, by a word that the server can check', async () => {
    const [direct, room, other] = [await asks(bob), await asks(bob, 'tea'), await asks(carol)]
    testing.told.length = 0
    await decide(decline, bob)
    expect([direct, room, other].map(group => phase(group).name)).toEqual(['ended', 'ended', 'requested'])
    expect(phase(room)).toEqual({ name: 'ended', why: 'left' })
    expect([shown(), testing.told]).toEqual([[nameOf(carol)], []])
    const leaves = testing.outbox.items().map(({ item }) => item)
    expect(leaves.map(({ group }) => group)).toEqual([direct.number, room.number])
    for (const [at, { record }] of [direct, room].entries()) {
      const { what } = leaves[at]!
      if (what.case !== 'leave') throw new Error('no leave')
      const leave = fromBinary(RosterLeaveSchema, what.value.leave)
      expect(verifyLeave(crypto, { conversationId: record.conversationId, leave })).toBe(true)
      expect(leave).toMatchObject({ deviceId: alice.device.publicKey, epoch: 1n })
    }
  })

  test('decides once: what is over is not asked for again', async () => {
    const group = await asks(bob)
    await decide(decline, bob)
    await decide(decline, bob)
    await decide(admit, bob)
    expect([phase(group).name, testing.outbox.items().length]).toEqual(['ended', 1])
  })

  test('names somebody by their name or by that of the conversation', async () => {
    await asks(bob, 'tea')
    for (const name of [nameOf(bob), '#tea']) expect(askerOf(testing.context, name)).toEqual(keyOf(bob))
    expect(() => askerOf(testing.context, 'carol')).toThrow(
      expect.objectContaining({ why: { code: 'no-request', handle: 'carol' } }),
    )
  })
})
