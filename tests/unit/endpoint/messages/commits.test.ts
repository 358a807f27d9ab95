// The meaning of a commit above the group: lines, people who are met, rooms that are renamed, newcomers who are owed.

import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind, GroupSettingsSchema } from '../../../../gen/parley/content/v1/room_pb.js'
import type { DeliveredCommit, Envelope, RosterChange } from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { signed } from '../../../../services/endpoint/groups/heads.js'
import { beginCommit } from '../../../../services/endpoint/groups/transition.js'
import { type Placed, sequenceOf } from '../../../../services/endpoint/ids.js'
import { receiveCommit, receiveOwnCommit } from '../../../../services/endpoint/messages/commits.js'
import { FORKED_LOG } from '../../../../services/endpoint/messages/fork-detection.js'
import { openTestContext, pinned, type TestContext } from '../../../support/endpoint-context.js'
import { keyPackageOf } from '../../../support/endpoint-groups.js'
import { resigned, TestGroup } from '../../../support/group.js'
import { saidIn } from '../../../support/said.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const dave = makeAccount('dave')

let testing: TestContext
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, {
    kind: GroupKind.ROOM,
    others: [bob, carol],
    admins: [alice, bob],
    historyDays: 1,
  })
})

const idOf = ({ device }: OwnAccount) => device.publicKey
const leafOf = (account: OwnAccount) =>
  testing.context.engine
    .members(room.live.state)
    .find(({ signatureKey }) => Buffer.compare(signatureKey, idOf(account)) === 0)!.leaf
const packageOf = async (account: OwnAccount) =>
  (await keyPackageOf(testing.context.engine, account)).publicPackage
const renamed = (name: string) => {
  const settings = fromBinary(GroupSettingsSchema, testing.context.engine.settings(room.live.state)!)
  return { settings: toBinary(GroupSettingsSchema, { ...settings, name }) }
}
/** `claimed`: the devices that the server was told of. */
const take = (envelope: Placed<Envelope>, claimed: { added?: OwnAccount[]; removed?: OwnAccount[] } = {}) =>
  testing.written(async (tx, unit) => {
    const { added = [], removed = [] } = claimed
    const rosterChange = { addedDeviceIds: added.map(idOf), removedDeviceIds: removed.map(idOf) }
    const { envelope: content } = resigned([bob, carol], envelope, { rosterChange })
    if (content.case !== 'commit') throw new Error('no commit')
    await receiveCommit(unit.context, tx, room.in(unit), envelope, content.value)
  })
const lines = () => testing.context.conversations.history(room.conversation).map(saidIn)
const notices = () => testing.told.flatMap(event => (event.type === 'notice' ? [event.notice.code] : []))

describe('a commit of another member', () => {
  test('that adds somebody is told, and they are met', async () => {
    await take(await room.committed(bob, { add: [await packageOf(dave)] }), { added: [dave] })
    expect(lines()).toEqual([`bob added ${testing.context.contacts.nameOf(dave.account.publicKey)}`])
    expect(testing.context.contacts.get(dave.account.publicKey)?.accountKey).toEqual(dave.account.publicKey)
    expect(notices()).toEqual([])
    // That is for the one who added them.
    expect(testing.context.records.list('transfers')).toEqual([])
  })

  test('that renames the room renames the conversation', async () => {
    await take(await room.committed(bob, renamed('coffee')))
    expect(lines()).toEqual(['bob named the room "coffee"'])
    expect(testing.context.conversations.peer(room.conversation)).toBe('#coffee')
  })

  test('that nothing shows of begins the log anew', async () => {
    await room.change({ log: FORKED_LOG })
    await take(await room.committed(carol))
    expect(lines()).toEqual([])
    expect(room.live.record.log).toMatchObject({ case: 'running', value: { earlier: [] } })
  })

  test('of which the server was told something else is told of', async () => {
    await take(await room.committed(bob, { add: [await packageOf(dave)] }), { added: [carol] })
    expect(notices()).toEqual(['other-devices'])
    await take(await room.committed(bob, { remove: [leafOf(dave)] }))
    expect(notices()).toEqual(['other-devices', 'other-devices'])
    await take(await room.committed(bob, { remove: [leafOf(carol)] }), { removed: [carol] })
    expect(notices()).toHaveLength(2)
  })

  test('that removes this device ends the room here, and says who it was', async () => {
    await take(await room.committed(bob, { remove: [leafOf(alice)] }), { removed: [alice] })
    expect(room.live.phase).toEqual({ name: 'ended', why: 'removed' })
    expect(lines()).toEqual(['bob removed you'])
  })

  test('against the rules changes nothing and names who made it', async () => {
    const before = room.live.state.groupContext.epoch
    await take(await room.committed(carol, renamed('mine')))
    expect(lines()).toEqual([expect.stringMatching(/^carol changed it in a way/)])
    expect(testing.context.conversations.peer(room.conversation)).toBe('#tea')
    expect(room.live.state.groupContext.epoch).toBe(before)
    expect(room.live.phase.name).toBe('active')
  })

  test('that cannot be opened leaves a state of no use: this device asks to be taken in again', async () => {
    const envelope = await room.committed(bob)
    if (envelope.envelope.case !== 'commit') throw new Error('no commit')
    const broken = envelope.envelope.value.commit.map((byte, index) => (index === 80 ? byte ^ 1 : byte))
    await take(resigned([bob], envelope, { commit: broken }))
    expect(testing.context.conversations.history(room.conversation)).toMatchObject([{ kind: 'unreadable' }])
    expect(room.live.phase.name).toBe('out-of-sync')
    expect(testing.outbox.items().map(({ item }) => item.what.case)).toEqual(['rejoin'])
  })

  test.each<[string, (commit: DeliveredCommit) => DeliveredCommit]>([
    ['with another head', commit => ({ ...commit, head: commit.head.slice(1) })],
    ['with other bytes', commit => ({ ...commit, commit: commit.commit.slice(1) })],
    ['of which the server says another epoch', commit => ({ ...commit, epoch: commit.epoch + 1n })],
    [
      'of which the server says another roster change',
      commit => {
        const rosterChange = {
          $typeName: 'parley.v1.RosterChange',
          addedDeviceIds: [],
          removedDeviceIds: [idOf(carol)],
        }
        return { ...commit, rosterChange: rosterChange as RosterChange }
      },
    ],
    ['without a signature', commit => ({ ...commit, headSignature: new Uint8Array() })],
  ])('%s is no member’s: it is dropped and told, and the state stays', async (_, forge) => {
    const envelope = await room.committed(bob)
    if (envelope.envelope.case !== 'commit') throw new Error('no commit')
    const { value } = envelope.envelope
    const receive = (commit: DeliveredCommit) =>
      testing.written((tx, unit) => receiveCommit(unit.context, tx, room.in(unit), envelope, commit))
    const before = room.live.state.groupContext.epoch
    await receive(forge(value))
    expect(lines()).toEqual([expect.stringMatching(/no member has signed/)])
    expect([room.live.state.groupContext.epoch, room.live.phase.name]).toEqual([before, 'active'])
    expect(testing.outbox.items()).toEqual([])
    await receive(value)
    expect(room.live.state.groupContext.epoch).toBe(before + 1n)
  })

  test('signed by somebody who is not in it, or by another member than made it, is no member’s', async () => {
    const envelope = await room.committed(bob)
    const by = (account: OwnAccount) => {
      const { envelope: content } = envelope
      if (content.case !== 'commit') throw new Error('no commit')
      const bundle = { ...content.value, welcomes: [] }
      const { head, headSignature } = signed({ account }, envelope.conversationId, bundle)
      const value = { ...content.value, head, headSignature }
      return testing.written((tx, unit) => receiveCommit(unit.context, tx, room.in(unit), envelope, value))
    }
    for (const account of [dave, carol]) await by(account)
    expect(lines()).toEqual([1, 2].map(() => expect.stringMatching(/no member has signed/)))
    expect(room.live.phase.name).toBe('active')
    await by(bob)
    expect(room.live.state.groupContext.epoch).toBe(2n)
  })

  test('after this account has left shows nothing, and is followed all the same', async () => {
    await room.enter({ name: 'leaving', leaveDue: false, commitOut: false })
    await take(await room.committed(bob, renamed('coffee')))
    expect(lines()).toEqual([])
    expect(room.live.state.groupContext.epoch).toBe(2n)
  })
})

describe('a commit of this device', () => {
  const PLACE = { sequence: sequenceOf(5n), storedAtMs: 6n }
  const own = async (change: object) => {
    const { pending } = await testing.context.engine.commit(room.live.state, change)
    await testing.written((tx, unit) => beginCommit(unit.context, tx, room.in(unit), pending))
    await testing.written((tx, unit) => receiveOwnCommit(unit.context, tx, room.in(unit), PLACE, []))
  }

  test('is told at its place, and those whom it adds are owed the history', async () => {
    await pinned(testing, dave)
    await own({ add: [await packageOf(dave)] })
    expect(testing.context.conversations.history(room.conversation)).toMatchObject([
      { system: { code: 'members-added', by: 'alice', who: ['dave'] }, sequence: 5n },
    ])
    expect(testing.context.records.list('transfers').map(({ record }) => record.toAccount)).toEqual([
      dave.account.publicKey,
    ])
  })

  test('renames the conversation with the room', async () => {
    await own(renamed('coffee'))
    expect(testing.context.conversations.peer(room.conversation)).toBe('#coffee')
  })

  test('that was given up here changes nothing', async () => {
    await testing.written((tx, unit) => receiveOwnCommit(unit.context, tx, room.in(unit), PLACE, []))
    expect([lines(), testing.told]).toEqual([[], []])
    expect(room.live.state.groupContext.epoch).toBe(1n)
  })

  test('that was the first makes the conversation ready', async () => {
    const { pending } = await testing.context.engine.commit(room.live.state, {})
    await room.enter({ name: 'creating' })
    await testing.written((tx, unit) => {
      unit.context.groups.savePending(tx, room.in(unit), pending)
      receiveOwnCommit(unit.context, tx, room.in(unit), PLACE, [])
    })
    expect(room.live.phase.name).toBe('active')
    expect(testing.told).toMatchObject([{ type: 'conversation', peer: '#tea', state: 'ready' }])
  })
})
