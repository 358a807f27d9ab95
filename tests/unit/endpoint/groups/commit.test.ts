// A commit at its place in the order: others' are judged and applied, this device's own takes effect.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  type DeliveredCommit,
  DeliveredCommitSchema,
  type Envelope,
} from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { adopt, takeCommit } from '../../../../services/endpoint/groups/commit.js'
import {
  addAccount,
  addDevices,
  changeSettings,
  commitIntents,
  type IntentChange,
  intend,
  removeAccount,
} from '../../../../services/endpoint/groups/intents.js'
import type { LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import type { IntentNumber } from '../../../../services/endpoint/ids.js'
import type { CommitChange, Opened } from '../../../../services/endpoint/mls/engine.js'
import { Records } from '../../../../services/endpoint/vault/records.js'
import type { Change } from '../../../../services/protocol/conversation/chain/change.js'
import { makeEntry } from '../../../../services/protocol/conversation/chain/entry.js'
import { encodeGroupState } from '../../../../services/protocol/conversation/group-state.js'
import { encodeLeafList } from '../../../../services/protocol/conversation/leaves.js'
import { makeRejoinStatement } from '../../../../services/protocol/conversation/rejoin-statement.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { claimOf, openTestContext, storesOn, type TestContext } from '../../../support/endpoint-context.js'
import { keyPackageOf, learn } from '../../../support/endpoint-groups.js'
import { resigned, secondDevice, TestGroup } from '../../../support/group.js'
import { listOf } from '../../../support/known-accounts.js'
import { MemoryDisk } from '../../../support/memory/vault.js'
import { numbered } from '../../../support/numbers.js'
import { signedAs } from '../../../support/signed-head.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const dave = makeAccount('dave')
const idOf = ({ device }: OwnAccount) => device.publicKey
const keyOf = ({ account }: OwnAccount) => account.publicKey

let testing: TestContext
/** Bob has made it; alice, whose device this is, is an admin as well, and carol is not. */
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { by: bob, others: [bob, carol], room: { admins: [alice] } })
})

const commitIn = ({ envelope }: Envelope): DeliveredCommit => {
  if (envelope.case !== 'commit') throw new Error('no commit')
  return envelope.value
}
const taken = (commit: DeliveredCommit) =>
  testing.written((tx, unit) => takeCommit(unit.context, tx, room.in(unit), commit))
const take = (envelope: Envelope) => taken(commitIn(envelope))
const leafOf = (account: OwnAccount) =>
  testing.context.engine
    .members(room.live.state)
    .find(({ signatureKey }) => Buffer.compare(signatureKey, idOf(account)) === 0)!.leaf
const packageOf = async (account: OwnAccount) =>
  (await keyPackageOf(testing.context.engine, account)).publicPackage
const adding = (account: OwnAccount): Change => ({ kind: 'add', accountKey: keyOf(account) })
const removing = (account: OwnAccount): Change => ({ kind: 'remove', accountKey: keyOf(account) })
const renaming = (name: string): Change => ({
  kind: 'settings',
  settings: { name, topic: '', historyDays: 0 },
})
const epoch = () => testing.context.engine.epoch(room.live.state)
const members = () => testing.context.engine.members(room.live.state).map(({ signatureKey }) => signatureKey)
const intents = () => testing.context.intents.of(room).map(({ intent }) => intent.change)
const wish = (change: IntentChange) =>
  testing.written((tx, unit) => intend(unit.context, tx, room.in(unit), change))
const addAgain = (...accounts: OwnAccount[]) => addDevices(claimOf(accounts[0]!), accounts.map(idOf))
const asking = ({ device }: OwnAccount) => {
  const { groupId, incarnation, state } = room.live.held
  const request = { groupId, incarnation, head: state.head, lastEpoch: epoch() }
  return makeRejoinStatement(crypto, request, { device })
}
/** By another process, which has nothing in memory. */
async function onDisk(): Promise<LiveGroup> {
  const copy = new MemoryDisk()
  copy.copyFrom(testing.disk)
  const { context } = await storesOn(new Records(copy.open(), () => undefined), testing.clock)
  return context.groups.get(room.number)!
}
/** Makes the commit of what is intended. */
const begin = async (...changes: IntentChange[]) => {
  for (const change of changes) await wish(change)
  const { made } = await testing.written((tx, unit) =>
    commitIntents(unit.context, tx, room.in(unit), testing.clock.now()),
  )
  if (!made) throw new Error('there is nothing to commit')
  return made
}
const addition = async (account: OwnAccount): Promise<IntentChange> => {
  await testing.written((_, unit) => learn(unit, [account]))
  return addAccount(claimOf(account), [await packageOf(account)])
}

describe('a commit of another member', () => {
  test('is applied, with what it did and what is told of it', async () => {
    const done = await take(await room.committed(bob, { changes: [adding(dave)], add: [dave] }))
    if (done.outcome !== 'applied') throw new Error(done.outcome)
    expect([done.change.added, done.change.by, done.change.committer]).toEqual([
      [idOf(dave)],
      keyOf(bob),
      idOf(bob),
    ])
    expect([done.isOurs, done.before.leaves.length, done.after.leaves.length]).toEqual([false, 3, 4])
    expect(done.lines).toEqual([{ code: 'members-added', by: keyOf(bob), who: [keyOf(dave)] }])
    expect([epoch(), members().length, room.live.phase.name]).toEqual([2n, 4, 'active'])
  })

  test('leads to what the group then holds, on the disk as well', async () => {
    const before = room.live.held
    await take(await room.committed(bob, { changes: [adding(dave), renaming('coffee')], add: [dave] }))
    const { held } = room.live
    expect(held.state.settings?.name).toBe('coffee')
    expect(held.entries).toHaveLength(before.entries.length + 2)
    expect([held.epoch, held.incarnation, held.state.number]).toEqual([2n, 1, before.state.number + 2])
    const lists = held.ledger.accounts.map(({ devices }) => devices.lists[0].list.encoded)
    expect(lists).toContainEqual(listOf(dave).encoded)
    expect((await onDisk()).held).toEqual(held)
    // Without entries nothing of it changes but the epoch.
    await take(await room.committed(carol))
    expect((await onDisk()).held).toEqual({ ...held, epoch: 3n })
  })

  test('is as the server was told where it names the same devices', async () => {
    const isAsClaimed = async (
      added: OwnAccount[],
      removed: OwnAccount[],
      change: Change[],
      add: OwnAccount[],
    ) => {
      const envelope = await room.committed(bob, { changes: change, add })
      const rosterChange = { addedDeviceIds: added.map(idOf), removedDeviceIds: removed.map(idOf) }
      const done = await take(resigned([bob], envelope, { rosterChange }))
      return done.outcome === 'applied' && done.isAsClaimed
    }
    const erin = makeAccount('erin')
    const both = [adding(erin), adding(dave)]
    expect(await isAsClaimed([dave, erin], [], both, [erin, dave])).toBe(true)
    expect(await isAsClaimed([], [], [removing(erin)], [])).toBe(false)
    expect(await isAsClaimed([erin], [dave], [removing(dave)], [])).toBe(false)
    expect(await isAsClaimed([], [carol], [removing(carol)], [])).toBe(true)
    const envelope = await room.committed(bob)
    expect(await take(envelope)).toMatchObject({ outcome: 'applied', isAsClaimed: true })
  })

  test('wins over the one of this device, which is given up', async () => {
    await begin(changeSettings({ name: 'coffee' }))
    await take(await room.committed(bob))
    expect([room.live.phase.name, room.live.pending, room.live.held.state.settings?.name]).toEqual([
      ...['active', undefined, 'tea'],
    ])
    // It is to be made anew.
    expect(intents()).toHaveLength(1)
  })

  test('leaves nothing to be done for devices that it removed, and ends what they had asked', async () => {
    const [carols, bobs] = [asking(carol), asking(bob)]
    await room.change({ goneDeviceIds: [idOf(carol), idOf(bob)], rejoinRequests: [carols, bobs] })
    await wish(addAgain(carol))
    await wish(addAgain(carol, bob))
    await take(await room.committed(bob, { changes: [removing(carol)] }))
    expect(room.live.record.goneDeviceIds).toEqual([idOf(bob)])
    expect(room.live.record.rejoinRequests).toEqual([bobs])
    expect(intents()).toMatchObject([{ case: 'addDevices', value: { deviceIds: [idOf(bob)] } }])
  })

  test('that removes a device and adds it again by its request ends that, and says nothing more of it', async () => {
    const request = asking(bob)
    await room.change({ rejoinRequests: [request] })
    await wish(addAgain(bob))
    // That a person here wants them out is still to be done.
    await wish(removeAccount(keyOf(bob)))
    const again = { add: [bob], remove: [bob], rejoins: [request] }
    const done = await take(await room.committed(carol, again))
    if (done.outcome !== 'applied') throw new Error(done.outcome)
    expect([done.change.added, done.change.removed]).toEqual([[idOf(bob)], [idOf(bob)]])
    expect(done.lines).toEqual([])
    expect([epoch(), members().length, room.live.record.rejoinRequests]).toEqual([2n, 3, []])
    expect(intents()).toMatchObject([{ case: 'removeAccount' }])
    expect(room.live.held.ledger.removed).toEqual([{ deviceKey: idOf(bob), epoch: 1n }])
  })

  test('that removes this device ends the group here', async () => {
    await wish(removeAccount(keyOf(carol)))
    const done = await take(await room.committed(bob, { changes: [removing(alice)] }))
    expect(done).toEqual({ outcome: 'removed', by: keyOf(bob), effects: ['fail-texts', 'tell-removed'] })
    expect(room.live.phase).toEqual({ name: 'ended', why: 'removed' })
    expect(intents()).toEqual([])
    expect(epoch()).toBe(1n)
  })
})

/** A commit as the server would deliver it, signed by this device, whatever is in it. */
const deliver = (by: OwnAccount, commit: Uint8Array, at = epoch()) => {
  const { conversationId } = room.live.record
  const bundle = { epoch: at, commit, welcomes: [] }
  return create(DeliveredCommitSchema, signedAs(by, conversationId, bundle, { state: room.live.state }))
}
/** The group's state as GroupState says it, with these entries. */
const stateWith = (...entries: Parameters<typeof encodeGroupState>[2]) =>
  encodeGroupState(crypto, room.live.held, entries)
const entryOf = (by: OwnAccount, change: Change) => {
  const { held } = room.live
  const place = { before: held.state, groupId: held.groupId, epoch: held.epoch }
  return makeEntry(crypto, place, { ...by, change })
}

describe('a commit that no member may take is the signer’s fault, and changes nothing:', () => {
  test.each<[string, () => Promise<CommitChange> | CommitChange]>([
    [
      'one that adds somebody, by a member who may not',
      async () => ({ settings: stateWith(entryOf(carol, adding(dave))), add: [await packageOf(dave)] }),
    ],
    ['one that adds a leaf and says nothing of it', async () => ({ add: [await packageOf(dave)] })],
    [
      'one that adds a leaf to a state that stays',
      async () => ({ settings: stateWith(), add: [await packageOf(dave)] }),
    ],
    ['one that takes a leaf out', () => ({ remove: [leafOf(bob)], settings: stateWith() })],
    ['one that takes a leaf out and says nothing of it', () => ({ remove: [leafOf(bob)] })],
    [
      'one that takes this device out',
      () => ({ remove: [leafOf(alice)], settings: stateWith(entryOf(carol, removing(alice))) }),
    ],
    ['one with another name for the room', () => ({ settings: stateWith(entryOf(carol, renaming('mine'))) })],
    [
      'one with an entry that an admin has signed',
      () => ({ settings: stateWith(entryOf(bob, { kind: 'make-admin', accountKey: keyOf(carol) })) }),
    ],
    [
      'one with the state of another conversation',
      () => {
        const { held } = room.live
        const state = { ...held.state, id: new Uint8Array(32).fill(9) }
        return { settings: encodeGroupState(crypto, { ...held, state }, []) }
      },
    ],
    ['one whose state cannot be read', () => ({ settings: Uint8Array.of(255) })],
    ['one whose grounds cannot be read', () => ({ authenticatedData: Uint8Array.of(255) })],
    [
      'one whose committer names a list that nobody has',
      () => ({ leafData: encodeLeafList({ number: 9, hash: new Uint8Array(32) }) }),
    ],
    ['one whose committer names no list', () => ({ leafData: Uint8Array.of(255) })],
  ])('%s', async (_, change) => {
    const before = room.live.held
    expect(await take(await room.committed(carol, { raw: await change() }))).toEqual({
      ...{ outcome: 'broken', from: keyOf(carol) },
    })
    expect([epoch(), room.live.held, room.live.phase.name]).toEqual([1n, before, 'active'])
  })

  const outcomeOf = async (commit: Uint8Array) => await taken(deliver(carol, commit))
  const BROKEN = { outcome: 'broken', from: keyOf(carol) }

  test('one that is no MLS message, or whose bits were changed', async () => {
    const { commit } = commitIn(await room.committed(carol))
    for (const index of [0, 30, 90, commit.length - 1]) {
      const changed = commit.map((byte, at) => (at === index ? byte ^ 1 : byte))
      expect(await outcomeOf(changed)).toEqual(BROKEN)
    }
    expect(await outcomeOf(new Uint8Array())).toEqual(BROKEN)
    expect(await outcomeOf(commit)).toMatchObject({ outcome: 'applied' })
  })

  test('one that is a text', async () => {
    const text = await room.sealed(carol, { body: { case: 'text', value: { text: 'hm' } } })
    if (text.envelope.case !== 'application') throw new Error('no text')
    expect(await outcomeOf(text.envelope.value.ciphertext)).toEqual(BROKEN)
  })

  test('one of another epoch, or of another group, than its signer says', async () => {
    const old = commitIn(await room.committed(bob))
    const next = commitIn(await room.committed(bob))
    expect(await outcomeOf(next.commit)).toEqual(BROKEN)
    await taken(old)
    expect([epoch(), await outcomeOf(old.commit)]).toEqual([2n, BROKEN])
    const other = await TestGroup.of(testing, { others: [carol] })
    expect(await outcomeOf(commitIn(await other.committed(carol)).commit)).toEqual(BROKEN)
  })

  test('one that another member has made: nobody is named for what they did not sign', async () => {
    const { commit } = commitIn(await room.committed(bob, { changes: [renaming('coffee')] }))
    expect(await outcomeOf(commit)).toEqual(BROKEN)
    expect(room.live.held.state.settings?.name).toBe('tea')
    expect(await taken(deliver(bob, commit))).toMatchObject({ outcome: 'applied' })
  })

  test('one by which a device comes whose certificate does not hold', async () => {
    const nobody = { identity: Uint8Array.of(1, 2, 3), signatureKey: idOf(dave) }
    expect(await judged({ added: [nobody] })).toEqual([false, BROKEN])
    expect(await judged({})).toEqual([true, BROKEN])
  })

  /** The policy says this of a commit of carol's as the engine shows it, and the outcome where the engine refuses it. */
  async function judged(change: object) {
    const committer = testing.context.engine.members(room.live.state)[leafOf(carol)]!
    const leafData = { ...(committer.leafData && { leafData: committer.leafData }) }
    const empty = { ...leafData, committer, added: [], removed: [], authenticatedData: new Uint8Array() }
    let isTaken: boolean | undefined
    const outcome = await testing.written((tx, unit) => {
      const { engine } = unit.context
      const open: typeof engine.open = async (_state, _bytes, policy) => {
        isTaken = policy({ ...empty, ...change })
        return { kind: 'refused', cause: 'policy' }
      }
      const parts = { ...unit.context, engine: { ...engine, open } }
      return takeCommit(parts, tx, room.in(unit), deliver(carol, Uint8Array.of(1)))
    })
    return [isTaken, outcome]
  }
})

describe('a commit that no member has signed is the server’s lie, and changes nothing:', () => {
  const NOT_SIGNED = { outcome: 'not-signed' }

  test.each<[string, (good: DeliveredCommit) => DeliveredCommit]>([
    ['one without a head', good => ({ ...good, head: new Uint8Array(), headSignature: new Uint8Array() })],
    ['one whose head somebody else has signed', good => deliver(dave, good.commit)],
    ['one with another commit under its head', good => ({ ...good, commit: Uint8Array.of(1) })],
    ['one with another epoch beside its head', good => ({ ...good, epoch: 5n })],
    [
      'one with other devices beside its head',
      good => ({
        ...good,
        rosterChange: {
          ...{ $typeName: 'parley.v1.RosterChange', addedDeviceIds: [idOf(dave)], removedDeviceIds: [] },
        },
      }),
    ],
    [
      'one that was signed for another conversation',
      good => {
        const bundle = { epoch: good.epoch, commit: good.commit, welcomes: [] }
        return create(DeliveredCommitSchema, signedAs(bob, new Uint8Array(16), bundle))
      },
    ],
  ])('%s', async (_, lie) => {
    const good = commitIn(await room.committed(bob))
    expect(await taken(lie(good))).toEqual(NOT_SIGNED)
    expect([epoch(), room.live.phase.name]).toEqual([1n, 'active'])
    expect(await taken(good)).toMatchObject({ outcome: 'applied' })
  })

  test('one of somebody who is out by then', async () => {
    await take(await room.committed(bob, { changes: [removing(carol)] }))
    expect(await taken(deliver(carol, Uint8Array.of(1)))).toEqual(NOT_SIGNED)
  })

  test('one that was delivered before', async () => {
    const first = await room.committed(bob)
    await take(first)
    expect(await take(first)).toEqual(NOT_SIGNED)
    expect([epoch(), room.live.phase.name]).toEqual([2n, 'active'])
  })
})

describe('a commit that costs this device its state', () => {
  test('is one behind another one that it has not seen', async () => {
    await room.committed(bob)
    const second = await room.committed(bob)
    expect(await take(second)).toEqual({ outcome: 'not-opened', why: { code: 'future-epoch' } })
  })

  test('is one of a later epoch, whatever it is: nobody can say here whose fault that is', async () => {
    expect(await taken(deliver(carol, Uint8Array.of(1), 7n))).toMatchObject({
      ...{ outcome: 'not-opened', why: { code: 'refused' } },
    })
  })

  test('is one whose fault others perhaps do not see', async () => {
    const envelope = await room.committed(bob)
    const done = await testing.written((tx, unit) => {
      const { engine } = unit.context
      const open: typeof engine.open = async (state, bytes, policy): Promise<Opened> => {
        const opened = await engine.open(state, bytes, policy)
        expect(opened.kind).toBe('commit')
        return { kind: 'refused', cause: 'not-authentic', perhapsOnlyHere: true }
      }
      const parts = { ...unit.context, engine: { ...engine, open } }
      return takeCommit(parts, tx, room.in(unit), commitIn(envelope))
    })
    const why = { code: 'refused', cause: 'not-authentic' }
    expect(done).toEqual({ outcome: 'not-opened', why, from: bob.account.publicKey })
    expect([epoch(), room.live.phase.name]).toEqual([1n, 'active'])
  })
})

describe('the secrets of the epoch that is over', () => {
  const isWiped = (secrets: readonly Uint8Array[]) =>
    secrets.length > 0 && secrets.every(secret => secret.every(byte => byte === 0))

  test('are wiped when a commit of another member is saved, and not before', async () => {
    const envelope = await room.committed(bob)
    let spent: Uint8Array[] = []
    await testing.written(async (tx, unit) => {
      const { engine } = unit.context
      const open: typeof engine.open = async (...given) => {
        const opened = await engine.open(...given)
        if (opened.kind === 'commit') spent = opened.spent
        return opened
      }
      const parts = { ...unit.context, engine: { ...engine, open } }
      await takeCommit(parts, tx, room.in(unit), commitIn(envelope))
      expect(isWiped(spent)).toBe(false)
    })
    expect(isWiped(spent)).toBe(true)
  })

  test('are wiped when the commit of this device is saved, and not before', async () => {
    await begin(changeSettings({ name: 'coffee' }))
    let spent: Uint8Array[] = []
    await testing.written((tx, unit) => {
      const { engine } = unit.context
      const adopted: typeof engine.adopt = (...given) => {
        const taken = engine.adopt(...given)
        spent = taken.spent
        return taken
      }
      adopt({ ...unit.context, engine: { ...engine, adopt: adopted } }, tx, room.in(unit), [])
      expect(isWiped(spent)).toBe(false)
    })
    expect(isWiped(spent)).toBe(true)
  })
})

describe('the commit of this device', () => {
  const win = (intents: readonly IntentNumber[] = []) =>
    testing.written((tx, unit) => adopt(unit.context, tx, room.in(unit), intents))

  test('takes effect, and what it was for is done', async () => {
    await room.change({ sealedSinceCommit: 9n, goneDeviceIds: [idOf(carol)] })
    const made = await begin(removeAccount(keyOf(carol)))
    await wish(removeAccount(keyOf(bob)))
    expect(made.intents).toEqual([1n])
    const done = await win(made.intents)
    expect(done).toMatchObject({ isOurs: true, change: { removed: [idOf(carol)], by: keyOf(alice) } })
    expect(done?.lines).toEqual([{ code: 'members-removed', by: keyOf(alice), who: [keyOf(carol)] }])
    expect(done?.effects).toEqual([])
    expect([epoch(), room.live.phase.name, room.live.pending]).toEqual([2n, 'active', undefined])
    expect(room.live.record).toMatchObject({
      ...{ sealedSinceCommit: 0n, committedAtMs: BigInt(testing.clock.now()), goneDeviceIds: [] },
    })
    expect(testing.context.intents.of(room).map(({ id }) => id)).toEqual([2n])
  })

  test('leads to what the group then holds, as the others see it, on the disk as well', async () => {
    const before = room.live.held
    const made = await begin(await addition(dave), changeSettings({ name: 'coffee' }))
    await win(made.intents)
    const { held } = room.live
    expect(held.state.settings?.name).toBe('coffee')
    expect(held.entries).toHaveLength(before.entries.length + 2)
    expect((await onDisk()).held).toEqual(held)
  })

  test('says who came by it, as one of another member does', async () => {
    const made = await begin(await addition(dave))
    const done = await win(made.intents)
    expect([done?.change.added, done?.change.removed]).toEqual([[idOf(dave)], []])
    expect(done?.lines).toEqual([{ code: 'members-added', by: keyOf(alice), who: [keyOf(dave)] }])
  })

  test('that adds a device again tells it as removed and added, and its request ends', async () => {
    await room.change({ rejoinRequests: [asking(carol)] })
    const { case: kind, value } = addAgain(carol)
    const made = await begin({ case: kind, value: { ...value, keyPackages: [await packageOf(carol)] } })
    const done = await win(made.intents)
    expect([done?.change.added, done?.change.removed]).toEqual([[idOf(carol)], [idOf(carol)]])
    expect([done?.lines, room.live.record.rejoinRequests]).toEqual([[], []])
  })

  test('that removes somebody ends their request, and what was to be done for it', async () => {
    await room.change({ rejoinRequests: [asking(carol)] })
    await wish(addAgain(carol))
    const made = await begin(removeAccount(keyOf(carol)))
    await win(made.intents)
    expect([intents(), room.live.record.rejoinRequests]).toEqual([[], []])
  })

  test('tells of a further device of a member', async () => {
    const tablet = secondDevice(bob)
    await testing.written((_, unit) => learn(unit, [tablet]))
    const { case: kind, value } = addDevices(claimOf(tablet), [idOf(tablet)])
    const made = await begin({ case: kind, value: { ...value, keyPackages: [await packageOf(tablet)] } })
    expect((await win(made.intents))?.lines).toEqual([{ code: 'device-added', who: keyOf(bob) }])
  })

  test('that was given up does nothing', async () => {
    expect(await win([numbered(1n)])).toBeUndefined()
    await begin(changeSettings({ name: 'coffee' }))
    await room.enter({ name: 'broken', succeedAtMs: 5, leaveDue: false })
    expect(await win()).toBeUndefined()
    expect([epoch(), room.live.held.state.settings?.name]).toEqual([1n, 'tea'])
  })
})
