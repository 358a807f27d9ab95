// An account that leaves a room is taken out by the first of the others, in their turn.

import { beforeEach, describe, expect, test } from '@jest/globals'
import type { SignedLeaveStatement } from '../../../../gen/parley/content/v1/chain_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { commitLeave } from '../../../../services/endpoint/groups/intents.js'
import { leaveBy, myTurnMs, takeLeave } from '../../../../services/endpoint/groups/self-removal.js'
import { makeLeave, readLeave } from '../../../../services/protocol/conversation/chain/leave-statement.js'
import { memberOf } from '../../../../services/protocol/conversation/chain/state.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { secondDevice, TestGroup } from '../../../support/group.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const tablet = secondDevice(bob)
const carol = makeAccount('carol')
const idOf = ({ device }: OwnAccount) => device.publicKey

let testing: TestContext
/** In the order of carol, this device, bob, the tablet; carol is the admin. */
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { others: [bob, tablet, carol], by: carol, room: {} })
})

interface Said {
  conversationId?: Uint8Array
  added?: number
}
const leaving = ({ account, device, certificate }: OwnAccount, said: Said = {}): SignedLeaveStatement => {
  const { state } = room.live.held
  const added = memberOf(state, account.publicKey)?.added ?? 1
  return makeLeave(crypto, { conversationId: state.id, added, device, certificate, ...said })
}
const turn = (...without: OwnAccount[]) => myTurnMs(testing.context, room.live, without.map(idOf))

describe('the turn of this device', () => {
  test('is behind those before it who could do the same, and comes at once where there is none', () => {
    expect([turn(), turn(bob), turn(carol)]).toEqual([300, 300, 0])
  })

  test('is behind that of all admins, wherever their leaves stand', async () => {
    room = await TestGroup.of(testing, {
      ...{ others: [carol, bob, tablet], by: carol, room: { admins: [bob] } },
    })
    expect([turn(), turn(tablet), turn(carol, bob, tablet)]).toEqual([900, 600, 0])
    room = await TestGroup.of(testing, { others: [bob, carol], by: carol, room: { admins: [alice] } })
    expect(turn()).toBe(300)
  })

  test('comes after so long at most', async () => {
    const [first, ...others] = Array.from({ length: 36 }, (_, index) => makeAccount(`person-${index}`))
    const large = await TestGroup.of(testing, {
      ...{ others: [first!, ...others], by: first!, room: { admins: others } },
    })
    expect(myTurnMs(testing.context, large.live, [])).toBe(10_000)
    expect(myTurnMs(testing.context, large.live, others.slice(0, 33).map(idOf))).toBe(900)
  })

  test('of a device that is not there is the first one', () => {
    const stranger = { ...testing.context, account: makeAccount('dave') }
    expect(myTurnMs(stranger, room.live, [])).toBe(0)
  })
})

describe('a statement', () => {
  const by = (account: OwnAccount, signed: SignedLeaveStatement | undefined) =>
    leaveBy(room.live, account.account.publicKey, signed)

  test('of the account for its present stay is one by which it leaves, whichever device signed', () => {
    expect(by(bob, leaving(bob))).toMatchObject({ accountKey: bob.account.publicKey, deviceKey: idOf(bob) })
    expect(by(bob, leaving(tablet))).toMatchObject({ deviceKey: idOf(tablet) })
  })

  test.each<[string, OwnAccount, () => SignedLeaveStatement | undefined]>([
    ['that is none', bob, () => undefined],
    ['of another account than the one that says it', carol, () => leaving(bob)],
    ['of another room', bob, () => leaving(bob, { conversationId: new Uint8Array(32) })],
    ['of an earlier stay', bob, () => leaving(bob, { added: 1 })],
    ['of somebody who is no member', makeAccount('dave'), () => leaving(makeAccount('dave'))],
    ['that somebody else signed', bob, () => ({ ...leaving(bob), signature: leaving(carol).signature })],
    ['that cannot be read', bob, () => ({ ...leaving(bob), statement: Uint8Array.of(255) })],
  ])('%s is none by which it leaves', (_, account, signed) => {
    expect(by(account, signed())).toBeUndefined()
  })

  test('of no stay is none, whatever account has signed it', () => {
    const dave = makeAccount('dave')
    expect(by(dave, leaving(dave))).toBeUndefined()
  })
})

describe('somebody who leaves', () => {
  const leaves = (account: OwnAccount) =>
    testing.written((tx, unit) =>
      takeLeave(unit.context, tx, room.in(unit), readLeave(crypto, leaving(account))),
    )
  const intents = () =>
    testing.context.intents.of(room).map(({ intent: { change, notBeforeMs } }) => ({
      ...{ change, inMs: notBeforeMs === 0n ? 0 : Number(notBeforeMs) - testing.clock.now() },
    }))

  test('is taken out by this device in its turn, as they said it', async () => {
    await leaves(tablet)
    expect(intents()).toEqual([{ change: commitLeave(leaving(tablet)), inMs: 300 }])
  })

  test('is taken out at once by the first of those who stay', async () => {
    await leaves(carol)
    expect(intents()).toMatchObject([{ change: { case: 'leave' }, inMs: 0 }])
  })

  test('is not this account: nobody can commit that themselves', async () => {
    await leaves(alice)
    expect(intents()).toEqual([])
  })
})
