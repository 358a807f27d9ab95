// Which of the changes that this device is to commit go into its next commit, and what this then has to carry.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import type { Intent } from '../../../../services/endpoint/groups/intent-list.js'
import {
  addAccount,
  addDevices,
  changeSettings,
  commitLeave,
  refresh,
  removeAccount,
} from '../../../../services/endpoint/groups/intents.js'
import { giveUp, type Impossible, planOf, planUpdate } from '../../../../services/endpoint/groups/plan.js'
import { newLeafOf } from '../../../../services/endpoint/groups/state/held.js'
import { leafIn } from '../../../../services/endpoint/groups/wishes.js'
import { makeLeave } from '../../../../services/protocol/conversation/chain/leave-statement.js'
import { memberOf } from '../../../../services/protocol/conversation/chain/state.js'
import { decodeBasis } from '../../../../services/protocol/conversation/commit-basis.js'
import { makeRejoinStatement } from '../../../../services/protocol/conversation/rejoin-statement.js'
import { makeDeviceRemoval } from '../../../../services/protocol/identity/device-removal.js'
import { sameKey } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { claimOf, openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { keyPackageOf, learn } from '../../../support/endpoint-groups.js'
import { type GroupSetup, secondDevice, TestGroup } from '../../../support/group.js'
import { leafDataOf, listOf, relist } from '../../../support/known-accounts.js'

type Account = ReturnType<typeof makeAccount>
const alice = makeAccount('alice')
const carol = makeAccount('carol')
const dave = makeAccount('dave')
const erin = makeAccount('erin')
/** Made anew for each test: their devices change. */
let bob: Account
let tablet: Account
const idOf = ({ device }: OwnAccount) => device.publicKey
const keyOf = ({ account }: OwnAccount) => account.publicKey

let testing: TestContext
let room: TestGroup
let impossible: Impossible[]
/** Alice, whose device this is, has made the room unless carol has. */
const open = async (setup: Partial<GroupSetup> = {}) => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { others: [bob, tablet, carol], room: {}, ...setup })
  impossible = []
}
beforeEach(async () => {
  bob = makeAccount('bob')
  tablet = secondDevice(bob)
  await open()
})

const know = (...accounts: OwnAccount[]) => testing.written((_, unit) => learn(unit, accounts))
const packageOf = async (account: OwnAccount) =>
  (await keyPackageOf(testing.context.engine, account)).publicPackage
const packagesOf = (...accounts: OwnAccount[]) => Promise.all(accounts.map(packageOf))
/** The account with these of its devices, whose list is known here. */
const addition = async (account: OwnAccount, ...others: OwnAccount[]): Promise<Intent['change']> => {
  await know(account, ...others)
  return addAccount(claimOf(account), await packagesOf(account, ...others))
}
/** All of one account. */
const devices = (accounts: OwnAccount[], keyPackages: Uint8Array[] = []): Intent['change'] => {
  const { case: kind, value } = addDevices(claimOf(accounts[0]!), accounts.map(idOf))
  return { case: kind, value: { ...value, keyPackages } }
}
const removal = (account: OwnAccount): Intent['change'] => removeAccount(keyOf(account))
const leave = (account: OwnAccount, added = memberOf(room.live.held.state, keyOf(account))?.added ?? 1) =>
  commitLeave(makeLeave(crypto, { conversationId: room.live.held.state.id, added, ...account }))
const asking = ({ device }: OwnAccount) => {
  const { groupId, incarnation, state, epoch } = room.live.held
  return makeRejoinStatement(crypto, { groupId, incarnation, head: state.head, lastEpoch: epoch }, { device })
}
type SettingsChange = Parameters<typeof changeSettings>[0]

const wish = (change: Intent['change'], alone = false) =>
  testing.written((tx, unit) => unit.context.intents.add(tx, room.in(unit), { change, alone }))
const planned = () =>
  testing.written((tx, unit) =>
    planOf(unit.context, tx, room.in(unit), { due: unit.context.intents.of(room), impossible }),
  )
const nameOf = (device: Uint8Array) => {
  const names = { alice, bob, tablet, carol, dave, erin }
  return Object.entries(names).find(([, each]) => Buffer.compare(idOf(each), device) === 0)?.[0] ?? '?'
}
/** The commit that would be made, devices by their names. */
const plan = async () => {
  const made = await planned()
  if (!made || 'why' in made) return made?.why
  const { lists, removals, rejoins } = decodeBasis(made.basis)!
  const counts = { lists: lists.length, removals: removals.length, rejoins: rejoins.length }
  return {
    ids: made.ids.map(Number),
    ...(made.entries.length > 0 && { entries: made.entries.map(({ change }) => change.kind) }),
    ...(made.add.length > 0 && { add: made.add.map(({ leaf }) => nameOf(leaf.deviceKey)) }),
    ...(made.remove.length > 0 && { remove: made.remove.map(nameOf) }),
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
  }
}
const intended = () => testing.context.intents.of(room).map(({ id }) => Number(id))

test('nothing is planned where nothing is due, even if there is something to tell', async () => {
  relist(bob, [idOf(bob)])
  await know(bob)
  expect(await plan()).toBeUndefined()
})

describe('a removal', () => {
  test('of accounts goes with others, with all their devices', async () => {
    await wish(removal(bob))
    await wish(removal(carol))
    expect(await plan()).toEqual({
      ...{ ids: [1, 2], entries: ['remove', 'remove'], remove: ['bob', 'tablet', 'carol'] },
    })
  })

  test('goes with those who come', async () => {
    await wish(await addition(dave))
    await wish(removal(carol))
    expect(await plan()).toEqual({
      ...{ ids: [1, 2], entries: ['add', 'remove'], add: ['dave'], remove: ['carol'], lists: 1 },
    })
  })

  test('of somebody who is not there, or twice of the same, is pointless', async () => {
    await wish(removal(dave))
    await wish(removal(carol))
    await wish(removal(carol))
    expect(await plan()).toEqual({ ids: [2], entries: ['remove'], remove: ['carol'] })
    expect([intended(), impossible]).toEqual([[2], []])
  })

  test('that the others would refuse keeps back nothing that they would not', async () => {
    await open({ by: carol })
    await wish(removal(bob))
    await wish(leave(carol))
    expect(await plan()).toEqual({ ids: [2], entries: ['leave'], remove: ['carol'] })
    expect([impossible, intended()]).toEqual([[{ handle: undefined, cause: 'policy' }], [2]])
  })

  test('of the own account is never possible: others do that', async () => {
    await wish(removal(alice))
    await wish(leave(alice))
    expect(await plan()).toBeUndefined()
    expect(impossible.map(({ cause }) => cause)).toEqual(['policy', 'policy'])
  })
})

describe('a leave', () => {
  test('is committed by anybody, as the member has signed it', async () => {
    await open({ by: carol })
    await wish(leave(tablet))
    const made = await planned()
    if (!made || 'why' in made) throw new Error('there is no plan')
    expect(made.remove.map(nameOf)).toEqual(['bob', 'tablet'])
    const [entry] = made.entries
    expect(entry?.change).toMatchObject({ kind: 'leave', leave: { accountKey: keyOf(bob) } })
  })

  test('of an earlier stay, of somebody who is out, or that is none is pointless', async () => {
    await wish(leave(bob, 1))
    await wish(leave(dave))
    await wish({
      case: 'leave',
      value: { $typeName: 'parley.vault.v1.CommitLeave', statement: Uint8Array.of(255) },
    })
    expect(await plan()).toBeUndefined()
    expect([intended(), impossible]).toEqual([[], []])
  })

  test('by a device that its account has ended is refused by all, whatever this device knows alone', async () => {
    relist(bob, [idOf(bob)])
    await know(bob)
    await wish(leave(tablet))
    expect(await plan()).toBe('policy')
    expect(intended()).toEqual([1])
  })
})

describe('an account', () => {
  test('comes with its list and those of its devices that can be added', async () => {
    const phone = secondDevice(dave)
    await wish(await addition(dave, phone))
    const made = await planned()
    if (!made || 'why' in made) throw new Error('there is no plan')
    expect(made.add.map(({ leaf }) => leaf.deviceKey)).toEqual([dave, phone].map(idOf))
    expect(decodeBasis(made.basis)?.lists).toEqual([listOf(dave).encoded])
    expect(memberOf(made.after.state, keyOf(dave))).toMatchObject({ isAdmin: false })
  })

  test('waits for key packages, and for whose it will be, and keeps nobody else waiting', async () => {
    await wish(addAccount(claimOf(dave)))
    await wish(addAccount({ handle: 'dave' }, await packagesOf(dave)))
    await wish(await addition(erin))
    expect(await plan()).toMatchObject({ ids: [3], add: ['erin'] })
    expect(intended()).toEqual([1, 2, 3])
  })

  test('is added once', async () => {
    await wish(await addition(carol))
    await wish(await addition(dave))
    await wish(await addition(dave))
    expect(await plan()).toMatchObject({ ids: [2], entries: ['add'], add: ['dave'] })
    expect([intended(), impossible]).toEqual([[2], []])
  })

  test.each<[string, () => Promise<Uint8Array> | Uint8Array]>([
    ['is none', () => Uint8Array.of(1, 2, 3)],
    ['is somebody else’s', () => packageOf(erin)],
    ['is of a device that is there', () => packageOf(carol)],
    [
      'is of an account of which no list is known',
      async () => {
        const stranger = makeAccount('dave')
        return await packageOf(stranger)
      },
    ],
  ])('is not added by a key package that %s', async (_, keyPackage) => {
    await know(dave, erin)
    await wish(addAccount(claimOf(dave), [await keyPackage()]))
    expect(await plan()).toBeUndefined()
    expect([impossible, intended()]).toEqual([[{ handle: 'dave', cause: 'no-usable-key-package' }], []])
  })

  test('is added without a device that it has ended', async () => {
    const [frank, phone] = [makeAccount('frank')].flatMap(each => [each, secondDevice(each)])
    const change = await addition(frank!, phone!)
    relist(frank!, [idOf(phone!)])
    await know(phone!)
    await wish(change)
    const made = await planned()
    if (!made || 'why' in made) throw new Error('there is no plan')
    expect(made.add.map(({ leaf }) => leaf.deviceKey)).toEqual([idOf(phone!)])
  })
})

describe('devices', () => {
  test('of a member are added by anybody, with what the group does not know of the account', async () => {
    await open({ by: carol })
    const laptop = secondDevice(bob)
    await know(laptop)
    await wish(devices([laptop], await packagesOf(laptop)))
    const made = await planned()
    if (!made || 'why' in made) throw new Error('there is no plan')
    expect(made.add.map(({ leaf }) => leaf.deviceKey)).toEqual([idOf(laptop)])
    expect(made.entries).toEqual([])
    expect(decodeBasis(made.basis)?.lists).toEqual([listOf(bob).encoded])
  })

  test('are those that are wanted, and no others', async () => {
    const laptop = secondDevice(bob)
    await know(laptop)
    await wish(devices([laptop], await packagesOf(laptop, dave)))
    expect(await plan()).toMatchObject({ ids: [1], add: ['?'] })
  })

  test('that are there, or of an account that is not, are pointless', async () => {
    await wish(devices([bob, tablet], await packagesOf(bob)))
    await wish(devices([dave], await packagesOf(dave)))
    expect(await plan()).toBeUndefined()
    expect([intended(), impossible]).toEqual([[], []])
  })

  test('wait for key packages, and are given up where none is good', async () => {
    const laptop = secondDevice(bob)
    await wish(devices([laptop]))
    expect([await plan(), intended()]).toEqual([undefined, [1]])
    await know(laptop)
    await wish(devices([laptop], [Uint8Array.of(1)]))
    expect(await plan()).toBeUndefined()
    expect([intended(), impossible]).toEqual([[1], [{ handle: undefined, cause: 'no-usable-key-package' }]])
  })

  test('are taken out and added again in one commit, which carries what they asked', async () => {
    const request = asking(bob)
    await room.change({ rejoinRequests: [request] })
    await wish(devices([bob], await packagesOf(bob)))
    expect(await plan()).toEqual({ ids: [1], add: ['bob'], remove: ['bob'], rejoins: 1 })
    const made = await planned()
    expect(made && 'basis' in made && decodeBasis(made.basis)?.rejoins).toEqual([request])
  })

  test('that asked and are not in use any more are not added again', async () => {
    await room.change({ rejoinRequests: [asking(tablet)] })
    relist(bob, [idOf(bob)])
    await know(bob)
    await wish(devices([tablet], await packagesOf(tablet)))
    expect(await plan()).toBeUndefined()
    expect(impossible).toMatchObject([{ cause: 'no-usable-key-package' }])
  })

  test('of two requests go in one commit, though each was to be added by itself', async () => {
    await room.change({ rejoinRequests: [asking(bob), asking(carol)] })
    await wish(devices([bob], await packagesOf(bob)))
    await wish(devices([carol], await packagesOf(carol)))
    expect(await plan()).toEqual({ ids: [1, 2], add: ['bob', 'carol'], remove: ['bob', 'carol'], rejoins: 2 })
  })

  test('that would come twice come by themselves', async () => {
    const laptop = secondDevice(bob)
    await know(laptop)
    for (const _ of [1, 2]) await wish(devices([laptop], await packagesOf(laptop)))
    expect([await plan(), intended(), impossible]).toEqual(['policy', [1, 2], []])
  })
})

describe('what this device knows of the devices of all members', () => {
  test('goes with whatever it commits, and takes leaves out that are wrong by it', async () => {
    relist(bob, [idOf(bob)])
    await know(bob)
    await wish(changeSettings({ name: 'coffee' }))
    expect(await plan()).toEqual({ ids: [1], entries: ['settings'], remove: ['tablet'], lists: 1 })
  })

  test('is told by itself where that is wanted, also by a removal', async () => {
    await open({ by: carol })
    const list = listOf(bob)
    const encoded = makeDeviceRemoval(crypto, bob.device, { list, deviceKey: idOf(tablet), removedAt: 5 })
    await testing.written((tx, { context }) => {
      context.lists.learn(tx, context.lists.read({ deviceList: list.encoded, removals: [encoded] })!)
    })
    await wish(refresh(keyOf(bob)))
    expect(await plan()).toEqual({ ids: [1], remove: ['tablet'], removals: 1 })
  })

  test('is not told where the group has it all', async () => {
    await wish(refresh(keyOf(bob)))
    expect([await plan(), intended()]).toEqual([undefined, []])
  })

  test('goes with the removal of an account that it is of: nothing is told of those who are out', async () => {
    relist(bob, [idOf(bob)])
    await know(bob)
    await wish(removal(bob))
    const made = await planned()
    if (!made || 'why' in made) throw new Error('there is no plan')
    expect(made.remove.map(nameOf)).toEqual(['bob', 'tablet'])
    expect(made.after.ledger.accounts).toHaveLength(2)
  })

  test('takes out no leaf of this device: that is for others to do', async () => {
    const phone = secondDevice(alice)
    relist(alice, [idOf(phone)])
    await know(phone)
    await wish(changeSettings({ name: 'coffee' }))
    expect(await plan()).toBe('policy')
    // For the other tests it is in use as before.
    relist(alice, [idOf(alice)])
  })
})

describe('a change that is committed by itself', () => {
  test('takes nothing with it', async () => {
    await wish(removal(bob), true)
    await wish(removal(carol))
    await wish(removal(carol), true)
    expect(await plan()).toMatchObject({ ids: [1], remove: ['bob', 'tablet'] })
  })

  test('is not taken along', async () => {
    await wish(removal(carol))
    await wish(await addition(erin), true)
    await wish(await addition(dave))
    expect(await plan()).toMatchObject({ ids: [1, 3], add: ['dave'] })
  })

  test('is passed over where it waits', async () => {
    await wish(addAccount({ handle: 'erin' }), true)
    await wish(removal(carol))
    expect(await plan()).toMatchObject({ ids: [2] })
  })
})

test('a change that only a newer version knows is dropped', async () => {
  await wish({ case: undefined })
  await wish(removal(carol))
  expect(await plan()).toMatchObject({ ids: [2] })
  expect(intended()).toEqual([2])
})

describe('settings', () => {
  const stateAfter = async () => {
    const made = await planned()
    if (!made || 'why' in made) throw new Error('there is no plan')
    return made.after.state
  }
  const adminsOf = async () =>
    (await stateAfter()).members.flatMap(({ accountKey, isAdmin }) =>
      isAdmin
        ? [alice, bob, carol].filter(each => sameKey(keyOf(each), accountKey)).map(({ handle }) => handle)
        : [],
    )

  test.each<[string, SettingsChange, object]>([
    ['the name', { name: 'coffee' }, { name: 'coffee' }],
    ['the topic', { topic: 'hot' }, { topic: 'hot' }],
    ['how much newcomers see', { historyDays: 7 }, { historyDays: 7 }],
  ])('change %s and leave the rest', async (_, change, changed) => {
    await wish(changeSettings(change))
    expect((await stateAfter()).settings).toEqual({ name: 'tea', topic: '', historyDays: 0, ...changed })
  })

  test('go with others, each from what the one before it left', async () => {
    await wish(changeSettings({ name: 'coffee' }))
    await wish(changeSettings({ topic: 'hot' }))
    expect((await stateAfter()).settings).toEqual({ name: 'coffee', topic: 'hot', historyDays: 0 })
    expect(await plan()).toEqual({ ids: [1, 2], entries: ['settings', 'settings'] })
  })

  test('make an admin, and unmake one', async () => {
    await wish(changeSettings({ makeAdmin: keyOf(bob) }))
    expect(await adminsOf()).toEqual(['alice', 'bob'])
    await open({ room: { admins: [carol] } })
    await wish(changeSettings({ unmakeAdmin: keyOf(carol) }))
    expect(await adminsOf()).toEqual(['alice'])
    await wish(changeSettings({ unmakeAdmin: keyOf(alice) }))
    expect(await adminsOf()).toEqual(['alice'])
    expect(impossible).toMatchObject([{ cause: 'policy' }])
  })

  test.each<[string, SettingsChange]>([
    ['make an admin of one', { makeAdmin: keyOf(alice) }],
    ['make an admin of somebody who is not there', { makeAdmin: keyOf(dave) }],
    ['unmake an admin who is none', { unmakeAdmin: keyOf(carol) }],
    ['say the same', { name: 'tea', historyDays: 0 }],
  ])('that %s are pointless', async (_, change) => {
    await wish(changeSettings(change))
    await wish(removal(carol))
    expect(await plan()).toMatchObject({ ids: [2] })
    expect([intended(), impossible]).toEqual([[2], []])
  })

  test('that nobody may read are not possible', async () => {
    await wish(changeSettings({ name: 'x'.repeat(65) }))
    expect([await plan(), impossible.map(({ cause }) => cause)]).toEqual([undefined, ['policy']])
  })

  test('are nothing to change in a conversation of two', async () => {
    room = await TestGroup.of(testing, { others: [bob] })
    await wish(changeSettings({ name: 'coffee' }))
    expect([await plan(), intended()]).toEqual([undefined, []])
  })
})

test('in a conversation of two nobody comes or goes', async () => {
  room = await TestGroup.of(testing, { others: [carol] })
  await wish(removal(carol))
  await wish(await addition(dave))
  expect([await plan(), intended()]).toEqual([undefined, []])
  expect(impossible).toEqual([
    { handle: undefined, cause: 'policy' },
    { handle: 'dave', cause: 'policy' },
  ])
})

test('what is given up says whom it would have added', async () => {
  await wish(await addition(dave))
  await wish(removal(bob))
  const ids = testing.context.intents.of(room).map(({ id }) => id)
  const given: Impossible[] = []
  for (const id of [...ids, ...ids])
    given.push(
      await testing.written((tx, unit) => giveUp(unit.context, tx, room.in(unit), { id, why: 'policy' })),
    )
  // The second time nothing is known of them.
  expect(given.map(({ handle }) => handle)).toEqual(['dave', undefined, undefined, undefined])
  expect(given[0]!.cause).toBe('policy')
  expect(intended()).toEqual([])
})

test('an update carries nothing, whatever this device knows', async () => {
  relist(bob, [idOf(bob)])
  await know(bob)
  const { ids, add, remove, entries, groupState, basis } = planUpdate(testing.context, room.live)
  expect([ids, add, remove, entries, groupState, basis.length]).toEqual([[], [], [], [], undefined, 0])
})

test('a key package makes the leaf that it says, or none', async () => {
  const keyPackage = await packageOf(dave)
  const expected = { identity: dave.certificate, signatureKey: idOf(dave), leafData: leafDataOf(dave) }
  expect(await leafIn(testing.context, keyPackage)).toEqual(newLeafOf(expected))
  expect(await leafIn(testing.context, Uint8Array.of(1))).toBeUndefined()
  const defect = {
    ...testing.context.engine,
    inspectKeyPackage: () => Promise.reject(new TypeError('defect')),
  }
  await expect(leafIn({ engine: defect }, keyPackage)).rejects.toThrow('defect')
})
