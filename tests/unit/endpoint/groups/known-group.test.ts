// A welcome to a group that this device knows: it has to go on from that.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind, GroupSettingsSchema } from '../../../../gen/parley/content/v1/room_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { checkGoesOn } from '../../../../services/endpoint/groups/known-group.js'
import type { GroupPhase } from '../../../../services/endpoint/groups/state/group.js'
import type { JoinRefused, WelcomedGroup } from '../../../../services/endpoint/groups/welcome.js'
import type { Engine } from '../../../../services/endpoint/mls/engine.js'
import { parseVerifiedCertificate } from '../../../../services/protocol/identity/certificate.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { adminOf, type GroupSetup, secondDevice, TestGroup } from '../../../support/group.js'

const alice = makeAccount('alice')
const phone = secondDevice(alice)
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const eve = makeAccount('eve')
const { DIRECT, ROOM, OWN_DEVICES } = GroupKind

const LOST: GroupPhase = { name: 'out-of-sync', askDue: false, leaveDue: false }
const OUT: GroupPhase = { name: 'ended', why: 'removed' }

let testing: TestContext
let group: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
})
const open = async (setup: GroupSetup, phase: GroupPhase = LOST) => {
  group = await TestGroup.of(testing, setup)
  await group.enter(phase)
}

interface Offered {
  by: OwnAccount
  others?: OwnAccount[]
  kind?: GroupKind
  /** Of a room; bob unless given. */
  admins?: OwnAccount[]
  name?: string
  /** Later by so many epochs than the known group; 1 unless given. */
  later?: bigint
}

/** Why it is not joined; undefined: it is. */
function refused({ by, others = [bob], kind = ROOM, admins = [bob], name = 'tea', later = 1n }: Offered) {
  const room = { name, history: { days: 0 }, admins: admins.map(adminOf) }
  const welcomed: WelcomedGroup = {
    state: group.live.state,
    settings: create(GroupSettingsSchema, { kind, ...(kind === ROOM ? room : {}) }),
    others: others.map(({ certificate }) => parseVerifiedCertificate(certificate)),
    signer: { leaf: 0, identity: by.certificate, signatureKey: by.device.publicKey },
  }
  // The state of the known group is asked for second.
  let asked = 0n
  const epoch: Engine['epoch'] = () => (asked++ === 0n ? 7n + later : 7n)
  const engine = { ...testing.context.engine, epoch }
  try {
    checkGoesOn({ ...testing.context, engine }, group.live, welcomed)
    return undefined
  } catch (error) {
    return (error as JoinRefused).why
  }
}
const isTaken = (offered: Offered) => refused(offered) === undefined

describe('a room', () => {
  const setup = { kind: ROOM, by: bob, others: [bob, carol], admins: [bob] }

  test('is joined again as an admin has it by now', async () => {
    await open(setup)
    const change = { admins: [carol], name: 'coffee', others: [carol, eve] }
    expect(isTaken({ by: bob, ...change })).toBe(true)
    await open(setup, OUT)
    expect(isTaken({ by: bob, ...change })).toBe(true)
  })

  test('is joined again as another member has it only where nothing is otherwise than it was', async () => {
    await open(setup)
    expect(isTaken({ by: carol, others: [bob, carol] })).toBe(true)
    // Somebody may have left.
    expect(isTaken({ by: carol, others: [carol] })).toBe(true)
    expect(isTaken({ by: carol, others: [bob, carol, eve] })).toBe(false)
    expect(isTaken({ by: carol, others: [bob, carol], admins: [carol] })).toBe(false)
    expect(isTaken({ by: carol, others: [bob, carol], admins: [bob, carol] })).toBe(false)
    expect(isTaken({ by: carol, others: [bob, carol], name: 'mine' })).toBe(false)
  })

  test('is not joined by the word of a member who is no admin where this device did not ask', async () => {
    await open(setup, OUT)
    expect(isTaken({ by: carol, others: [bob, carol] })).toBe(false)
  })

  test('is not joined by the word of a stranger, whatever they call themselves', async () => {
    await open(setup)
    for (const by of [eve, makeAccount('bob')])
      expect(refused({ by, others: [bob, carol] })).toEqual({ code: 'not-theirs' })
  })

  test('is joined by the word of another device of this account, but for one that was revoked', async () => {
    await open(setup, OUT)
    expect(isTaken({ by: phone, others: [bob, carol, eve], admins: [carol] })).toBe(true)
    await testing.written((tx, { context }) =>
      context.devices.change(tx, phone.device.publicKey, { isEnded: true }),
    )
    expect(isTaken({ by: phone, others: [bob, carol] })).toBe(false)
  })
})

test('a conversation of two goes on with the same other one', async () => {
  await open({ others: [bob] })
  expect(isTaken({ kind: DIRECT, by: bob })).toBe(true)
  expect(isTaken({ kind: DIRECT, by: phone })).toBe(true)
  expect(isTaken({ kind: DIRECT, by: eve, others: [eve] })).toBe(false)
  expect(isTaken({ kind: DIRECT, by: bob, others: [makeAccount('bob')] })).toBe(false)
})

test('no kind of group goes on as another one', async () => {
  await open({ others: [bob] })
  expect(isTaken({ kind: ROOM, by: bob })).toBe(false)
  expect(isTaken({ kind: OWN_DEVICES, by: phone, others: [] })).toBe(false)
  await open({ kind: OWN_DEVICES, others: [phone] })
  expect(isTaken({ kind: OWN_DEVICES, by: phone, others: [] })).toBe(true)
  expect(isTaken({ kind: DIRECT, by: bob })).toBe(false)
})

test('no group goes back to an epoch that it has left', async () => {
  await open({ others: [bob] })
  expect(isTaken({ kind: DIRECT, by: bob, later: 1n })).toBe(true)
  expect(isTaken({ kind: DIRECT, by: bob, later: 0n })).toBe(false)
  expect(isTaken({ kind: DIRECT, by: bob, later: -1n })).toBe(false)
})
