// The meaning of a commit above the group: lines, people who are met, rooms that are renamed, newcomers who are owed.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  type DeliveredCommit,
  DeliveredCommitSchema,
  type Envelope,
  type RosterChange,
} from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import {
  addAccount,
  changeSettings,
  commitIntents,
  type IntentChange,
  intend,
} from '../../../../services/endpoint/groups/intents.js'
import { type Placed, sequenceOf } from '../../../../services/endpoint/ids.js'
import { receiveCommit, receiveOwnCommit } from '../../../../services/endpoint/messages/commits.js'
import { FORKED_LOG } from '../../../../services/endpoint/messages/fork-detection.js'
import type { Change } from '../../../../services/protocol/conversation/chain/change.js'
import { openTestContext, pinned, type TestContext } from '../../../support/endpoint-context.js'
import { keyPackageOf, learn } from '../../../support/endpoint-groups.js'
import { resigned, TestGroup } from '../../../support/group.js'
import { saidIn } from '../../../support/said.js'
import { signedAs } from '../../../support/signed-head.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const dave = makeAccount('dave')

let testing: TestContext
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, {
    others: [bob, carol],
    room: { admins: [bob], historyDays: 1 },
  })
})

const idOf = ({ device }: OwnAccount) => device.publicKey
const adds = ({ account }: OwnAccount): Change => ({ kind: 'add', accountKey: account.publicKey })
const removes = ({ account }: OwnAccount): Change => ({ kind: 'remove', accountKey: account.publicKey })
const renames = (name: string): Change => ({
  kind: 'settings',
  settings: { name, topic: '', historyDays: 1 },
})
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
    await take(await room.committed(bob, { changes: [adds(dave)], add: [dave] }), { added: [dave] })
    expect(lines()).toEqual([`bob added ${testing.context.contacts.nameOf(dave.account.publicKey)}`])
    expect(testing.context.contacts.get(dave.account.publicKey)?.accountKey).toEqual(dave.account.publicKey)
    // The commit has brought its device list.
    expect(testing.context.lists.inUse(dave.account.publicKey)).toHaveLength(1)
    expect(notices()).toEqual([])
    // That is for the one who added them.
    expect(testing.context.records.list('transfers')).toEqual([])
  })

  test('that renames the room renames the conversation', async () => {
    await take(await room.committed(bob, { changes: [renames('coffee')] }))
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
    await take(await room.committed(bob, { changes: [adds(dave)], add: [dave] }), { added: [carol] })
    expect(notices()).toEqual(['other-devices'])
    await take(await room.committed(bob, { changes: [removes(dave)] }))
    expect(notices()).toEqual(['other-devices', 'other-devices'])
    await take(await room.committed(bob, { changes: [removes(carol)] }), { removed: [carol] })
    expect(notices()).toHaveLength(2)
  })

  test('that removes this device ends the room here, and says who it was', async () => {
    await take(await room.committed(bob, { changes: [removes(alice)] }), { removed: [alice] })
    expect(room.live.phase).toEqual({ name: 'ended', why: 'removed' })
    expect(lines()).toEqual(['bob removed you'])
  })

  test('against the rules breaks the room: it changes nothing, and names who made it', async () => {
    const { epoch } = room.live.held
    const broken = await room.committed(carol, { changes: [renames('mine')], force: true })
    await take(broken)
    expect(lines()).toEqual([expect.stringMatching(/^carol changed it in a way/)])
    expect(testing.context.conversations.peer(room.conversation)).toBe('#tea')
    expect(room.live.held.epoch).toBe(epoch)
    // This device made the room and is the first to go on.
    expect(room.live.phase).toEqual({
      ...{ name: 'broken', leaveDue: false },
      succeedAtMs: testing.clock.now(),
    })
    expect(room.live.record.brokenBy).toEqual([carol.account.publicKey])
    await take(broken)
    expect(lines()).toHaveLength(1)
  })

  test('against the rules of a conversation of two has another group made of it', async () => {
    room = await TestGroup.of(testing, { others: [bob] })
    await take(await room.committed(bob, { add: [carol], force: true }))
    expect(room.live.phase).toEqual({ name: 'ended', why: 'abandoned' })
    expect(lines()).toEqual([expect.stringMatching(/^bob changed it in a way/)])
  })

  test('in a room that is over is nobody’s to open', async () => {
    await room.enter({ name: 'ended', why: 'succeeded' })
    await take(await room.committed(bob, { changes: [renames('coffee')] }))
    expect([lines(), room.live.held.epoch]).toEqual([[], 1n])
  })

  test('that cannot be opened leaves a state of no use: this device asks to be taken in again', async () => {
    // The one before it has never come.
    await room.committed(carol)
    await take(await room.committed(bob))
    expect(testing.context.conversations.history(room.conversation)).toMatchObject([{ kind: 'unreadable' }])
    expect(room.live.phase.name).toBe('out-of-sync')
    expect(testing.outbox.items().map(({ item }) => item.what.case)).toEqual(['rejoin'])
  })

  test('that nobody can open, and that a member has signed outside, breaks the room', async () => {
    const envelope = await room.committed(bob)
    if (envelope.envelope.case !== 'commit') throw new Error('no commit')
    const broken = envelope.envelope.value.commit.map((byte, index) => (index === 80 ? byte ^ 1 : byte))
    await take(resigned([bob], envelope, { commit: broken }))
    expect(lines()).toEqual([expect.stringMatching(/^bob changed it in a way/)])
    expect([room.live.phase.name, room.live.record.brokenBy]).toEqual(['broken', [bob.account.publicKey]])
    expect(testing.outbox.items()).toEqual([])
  })

  test('that does not open, by one who says to have another state of the room, breaks it and blames nobody', async () => {
    const { conversationId } = room.live.record
    const bundle = { epoch: 1n, commit: Uint8Array.of(1, 2, 3), welcomes: [] }
    const value = create(DeliveredCommitSchema, signedAs(bob, conversationId, bundle))
    await take(room.envelope({ case: 'commit', value }))
    expect(lines()).toEqual([expect.stringMatching(/^bob was shown another course/)])
    expect([room.live.phase.name, room.live.record.brokenBy]).toEqual(['broken', []])
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

  describe('that somebody else has signed outside', () => {
    const resignedBy = (account: OwnAccount, envelope: Placed<Envelope>) => {
      const { envelope: content } = envelope
      if (content.case !== 'commit') throw new Error('no commit')
      const bundle = { ...content.value, welcomes: [] }
      const { head, headSignature } = signedAs(account, envelope.conversationId, bundle)
      const value = { ...content.value, head, headSignature }
      return testing.written((tx, unit) => receiveCommit(unit.context, tx, room.in(unit), envelope, value))
    }

    test('who is not in the room is no member’s', async () => {
      const envelope = await room.committed(bob)
      await resignedBy(dave, envelope)
      expect(lines()).toEqual([expect.stringMatching(/no member has signed/)])
      expect(room.live.phase.name).toBe('active')
      await resignedBy(bob, envelope)
      expect(room.live.held.epoch).toBe(2n)
    })

    test('who is a member is the fault of that one, and not of the one who has made it', async () => {
      await resignedBy(carol, await room.committed(bob))
      expect(lines()).toEqual([expect.stringMatching(/^carol changed it in a way/)])
      expect(room.live.record.brokenBy).toEqual([carol.account.publicKey])
      expect([room.live.phase.name, room.live.held.epoch]).toEqual(['broken', 1n])
    })
  })

  test('after this account has left shows nothing, and is followed all the same', async () => {
    await room.enter({ name: 'leaving', leaveDue: false, commitOut: false })
    await take(await room.committed(bob, { changes: [renames('coffee')] }))
    expect(lines()).toEqual([])
    expect(room.live.state.groupContext.epoch).toBe(2n)
  })
})

describe('a commit of this device', () => {
  const PLACE = { sequence: sequenceOf(5n), storedAtMs: 6n }
  const own = async (change: IntentChange) => {
    const made = await testing.written(async (tx, unit) => {
      intend(unit.context, tx, room.in(unit), change)
      return (await commitIntents(unit.context, tx, room.in(unit), testing.clock.now())).made!
    })
    await testing.written((tx, unit) =>
      receiveOwnCommit(unit.context, tx, room.in(unit), PLACE, made.intents),
    )
  }

  test('is told at its place, and those whom it adds are owed the history', async () => {
    await pinned(testing, dave)
    await testing.written((_, unit) => learn(unit, [dave]))
    const { publicPackage } = await keyPackageOf(testing.context.engine, dave)
    await own(addAccount({ handle: 'dave', accountKey: dave.account.publicKey }, [publicPackage]))
    expect(testing.context.conversations.history(room.conversation)).toMatchObject([
      { system: { code: 'members-added', by: 'alice', who: ['dave'] }, sequence: 5n },
    ])
    expect(testing.context.records.list('transfers').map(({ record }) => record.toAccount)).toEqual([
      dave.account.publicKey,
    ])
  })

  test('renames the conversation with the room', async () => {
    await own(changeSettings({ name: 'coffee' }))
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
      unit.context.groups.savePending(tx, room.in(unit), { state: pending, held: undefined })
      receiveOwnCommit(unit.context, tx, room.in(unit), PLACE, [])
    })
    expect(room.live.phase.name).toBe('active')
    expect(testing.told).toMatchObject([{ type: 'conversation', peer: '#tea', state: 'ready' }])
  })
})
