// A commit at its place in the order: others' are judged and applied, this device's own takes effect.

import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind, GroupSettingsSchema } from '../../../../gen/parley/content/v1/room_pb.js'
import {
  type DeliveredCommit,
  type Envelope,
  RejoinRequestSchema,
} from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { adopt, takeCommit } from '../../../../services/endpoint/groups/commit.js'
import { addDevices, intend, removeDevices } from '../../../../services/endpoint/groups/intents.js'
import { rejoinBasis } from '../../../../services/endpoint/groups/rejoin-basis.js'
import { beginCommit } from '../../../../services/endpoint/groups/transition.js'
import { type IntentNumber, NO_KEY } from '../../../../services/endpoint/ids.js'
import type { CommitChange } from '../../../../services/endpoint/mls/engine.js'
import { makeRejoin } from '../../../../services/protocol/conversation/rejoin-request.js'
import type { DeviceKey } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { keyPackageOf } from '../../../support/endpoint-groups.js'
import { resigned, TestGroup } from '../../../support/group.js'
import { numbered } from '../../../support/numbers.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const carol = makeAccount('carol')
const dave = makeAccount('dave')
const idOf = ({ device }: OwnAccount) => device.publicKey

let testing: TestContext
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, {
    ...{ kind: GroupKind.ROOM, by: bob, others: [bob, carol], admins: [alice, bob] },
  })
})

const commitIn = ({ envelope }: Envelope): DeliveredCommit => {
  if (envelope.case !== 'commit') throw new Error('no commit')
  return envelope.value
}
const take = (envelope: Envelope) =>
  testing.written((tx, unit) => takeCommit(unit.context, tx, room.in(unit), commitIn(envelope)))
const leafOf = (account: OwnAccount) =>
  testing.context.engine
    .members(room.live.state)
    .find(({ signatureKey }) => Buffer.compare(signatureKey, idOf(account)) === 0)!.leaf
const packageOf = async (account: OwnAccount) =>
  (await keyPackageOf(testing.context.engine, account)).publicPackage
const renamed = (name: string): CommitChange => {
  const settings = fromBinary(GroupSettingsSchema, testing.context.engine.settings(room.live.state)!)
  return { settings: toBinary(GroupSettingsSchema, { ...settings, name }) }
}
const epoch = () => testing.context.engine.epoch(room.live.state)
const members = () => testing.context.engine.members(room.live.state).map(({ signatureKey }) => signatureKey)
const wish = (...devices: DeviceKey[]) =>
  testing.written((tx, unit) => {
    intend(unit.context, tx, room.in(unit), removeDevices(devices))
  })
const begin = async (change: CommitChange) => {
  const { pending } = await testing.context.engine.commit(room.live.state, change)
  await testing.written((tx, unit) => beginCommit(unit.context, tx, room.in(unit), pending))
}

const keyOf = ({ account }: OwnAccount) => account.publicKey
const asking = ({ device }: OwnAccount, lastEpoch = 1n) => {
  const { conversationId } = room.live.record
  return toBinary(RejoinRequestSchema, makeRejoin(crypto, { conversationId, lastEpoch, device }))
}

describe('a commit of another member', () => {
  test('is applied, with what it did and what is told of it', async () => {
    const done = await take(await room.committed(bob, { add: [await packageOf(dave)] }))
    if (done.outcome !== 'applied') throw new Error(done.outcome)
    expect(done.change.added).toMatchObject([{ signatureKey: idOf(dave) }])
    expect([done.isOurs, done.before.members.length, done.after.members.length]).toEqual([false, 3, 4])
    expect(done.lines).toEqual([{ code: 'members-added', by: keyOf(bob), who: [keyOf(dave)] }])
    expect([epoch(), members().length, room.live.phase.name]).toEqual([2n, 4, 'active'])
  })

  test('is as the server was told where it names the same devices', async () => {
    const isAsClaimed = async (added: OwnAccount[], removed: OwnAccount[], change: CommitChange) => {
      const envelope = await room.committed(bob, change)
      const rosterChange = { addedDeviceIds: added.map(idOf), removedDeviceIds: removed.map(idOf) }
      const done = await take(resigned([bob], envelope, { rosterChange }))
      return done.outcome === 'applied' && done.isAsClaimed
    }
    const erin = makeAccount('erin')
    expect(await isAsClaimed([dave, erin], [], { add: [await packageOf(erin), await packageOf(dave)] })).toBe(
      true,
    )
    expect(await isAsClaimed([], [], { remove: [leafOf(erin)] })).toBe(false)
    expect(await isAsClaimed([erin], [dave], { remove: [leafOf(dave)] })).toBe(false)
    expect(await isAsClaimed([], [carol], { remove: [leafOf(carol)] })).toBe(true)
    const envelope = await room.committed(bob)
    expect(await take(envelope)).toMatchObject({ outcome: 'applied', isAsClaimed: true })
  })

  test('wins over the one of this device, which is given up', async () => {
    await begin({})
    await take(await room.committed(bob))
    expect([room.live.phase.name, room.live.pending]).toEqual(['active', undefined])
  })

  test('leaves nothing to be done of removals that it did, and ends what they had asked', async () => {
    const [carols, bobs] = [asking(carol), asking(bob)]
    await room.change({
      ...{ leavingDeviceIds: [idOf(carol), idOf(bob)], rejoinRequests: [carols, bobs] },
    })
    await testing.written((tx, unit) => {
      const device = { handle: 'carol', accountKey: keyOf(carol) }
      intend(unit.context, tx, room.in(unit), addDevices(device, [idOf(carol)]))
    })
    await wish(idOf(carol))
    await wish(idOf(carol), idOf(bob))
    await take(await room.committed(bob, { remove: [leafOf(carol)] }))
    expect(room.live.record.leavingDeviceIds).toEqual([idOf(bob)])
    expect(room.live.record.rejoinRequests).toEqual([bobs])
    const intents = testing.context.intents.of(room).map(({ intent }) => intent)
    expect(intents.map(({ change }) => change)).toMatchObject([
      { case: 'removeDevices', value: { deviceIds: [idOf(bob)] } },
    ])
  })

  test('that removes a device and adds it again by its request ends that, and says nothing more of it', async () => {
    const request = asking(bob)
    await room.change({ rejoinRequests: [request], leavingDeviceIds: [idOf(bob)] })
    await testing.written((tx, unit) => {
      const device = { handle: 'bob', accountKey: keyOf(bob) }
      intend(unit.context, tx, room.in(unit), addDevices(device, [idOf(bob)]))
    })
    // That a person here wants them out, or they themselves, is still to be done.
    await wish(idOf(bob))
    const again = {
      add: [await packageOf(bob)],
      remove: [leafOf(bob)],
      authenticatedData: rejoinBasis([request]),
    }
    const done = await take(await room.committed(carol, again))
    if (done.outcome !== 'applied') throw new Error(done.outcome)
    expect(done.lines).toEqual([])
    expect([epoch(), members().length, room.live.record.rejoinRequests]).toEqual([2n, 3, []])
    expect(room.live.record.leavingDeviceIds).toEqual([idOf(bob)])
    const intents = testing.context.intents.of(room).map(({ intent }) => intent.change)
    expect(intents).toMatchObject([{ case: 'removeDevices', value: { deviceIds: [idOf(bob)] } }])
  })

  test('that removes this device ends the group here', async () => {
    await wish(idOf(carol))
    const done = await take(await room.committed(bob, { remove: [leafOf(alice)] }))
    expect(done).toEqual({ outcome: 'removed', by: keyOf(bob), effects: ['fail-texts', 'tell-removed'] })
    expect(room.live.phase).toEqual({ name: 'ended', why: 'removed' })
    expect(testing.context.intents.of(room)).toEqual([])
    expect(epoch()).toBe(1n)
  })

  test('that cannot be opened says why, and changes nothing', async () => {
    const envelope = await room.committed(bob)
    const broken = commitIn(envelope).commit.map((byte, index) => (index === 90 ? byte ^ 1 : byte))
    expect(await take(resigned([bob], envelope, { commit: broken }))).toEqual({
      ...{ outcome: 'not-opened', why: { code: 'refused', cause: 'not-authentic' } },
    })
    const text = await room.sealed(bob, { body: { case: 'text', value: { text: 'hm' } } })
    if (text.envelope.case !== 'application') throw new Error('no text')
    const { ciphertext: commit } = text.envelope.value
    expect(await take(resigned([bob], envelope, { commit }))).toMatchObject({ outcome: 'not-opened' })
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
    await begin({})
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

describe('a commit against the rules', () => {
  test.each<[string, () => Promise<CommitChange> | CommitChange, Uint8Array]>([
    ['adds somebody', async () => ({ add: [await packageOf(dave)] }), keyOf(carol)],
    ['changes the settings', () => renamed('mine'), keyOf(carol)],
    ['removes somebody, which may have had a reason', () => ({ remove: [leafOf(bob)] }), NO_KEY],
    ['removes this device', () => ({ remove: [leafOf(alice)] }), NO_KEY],
  ])('that %s is refused by all', async (_, change, brokenBy) => {
    expect(await take(await room.committed(carol, await change()))).toEqual({
      ...{ outcome: 'against-rules', from: keyOf(carol) },
    })
    expect([epoch(), room.live.record.brokenBy, room.live.phase.name]).toEqual([1n, brokenBy, 'active'])
  })

  test('that rests on a request that does not count any more is refused by all', async () => {
    const request = asking(bob, 1n)
    for (let made = 1n; made < 17n; made++) await take(await room.committed(bob))
    const change = { add: [await packageOf(bob)], remove: [leafOf(bob)] }
    const authenticatedData = rejoinBasis([request])
    expect(epoch()).toBe(17n)
    expect(await take(await room.committed(carol, { ...change, authenticatedData }))).toMatchObject({
      outcome: 'against-rules',
    })
  })
})

describe('the commit of this device', () => {
  const win = (intents: IntentNumber[] = []) =>
    testing.written((tx, unit) => adopt(unit.context, tx, room.in(unit), intents))

  test('takes effect, and what it was for is done', async () => {
    await room.change({ sealedSinceCommit: 9n })
    await wish(idOf(carol))
    await wish(idOf(bob))
    await begin({ remove: [leafOf(carol)] })
    const done = await win([numbered(1n)])
    expect(done).toMatchObject({ isOurs: true, change: { removed: [{ signatureKey: idOf(carol) }] } })
    expect(done?.lines).toEqual([{ code: 'members-removed', by: keyOf(alice), who: [keyOf(carol)] }])
    expect(done?.effects).toEqual([])
    expect([epoch(), room.live.phase.name, room.live.pending]).toEqual([2n, 'active', undefined])
    expect(room.live.record).toMatchObject({
      ...{ sealedSinceCommit: 0n, committedAtMs: BigInt(testing.clock.now()) },
    })
    expect(testing.context.intents.of(room).map(({ id }) => id)).toEqual([2n])
  })

  test('says who came by it, as one of another member does', async () => {
    await begin({ add: [await packageOf(dave)] })
    const done = await win()
    expect(done?.change.added.map(({ signatureKey }) => signatureKey)).toEqual([idOf(dave)])
    expect(done?.change.removed).toEqual([])
    expect(done?.lines).toEqual([{ code: 'members-added', by: keyOf(alice), who: [keyOf(dave)] }])
  })

  test('that adds a device again tells it as removed and added, and its request ends', async () => {
    await room.change({ rejoinRequests: [asking(carol)] })
    await testing.written((tx, unit) => {
      const device = { handle: 'carol', accountKey: keyOf(carol) }
      intend(unit.context, tx, room.in(unit), addDevices(device, [idOf(carol), idOf(dave)]))
    })
    await begin({ remove: [leafOf(carol)], add: [await packageOf(carol)] })
    const done = await win([numbered(1n)])
    expect(done?.change).toMatchObject({
      ...{ added: [{ signatureKey: idOf(carol) }], removed: [{ signatureKey: idOf(carol) }] },
    })
    expect([done?.lines, room.live.record.rejoinRequests]).toEqual([[], []])
  })

  test('that removes somebody ends their request, and what was to be done for it', async () => {
    await room.change({ rejoinRequests: [asking(carol)] })
    await testing.written((tx, unit) => {
      const device = { handle: 'carol', accountKey: keyOf(carol) }
      intend(unit.context, tx, room.in(unit), addDevices(device, [idOf(carol)]))
    })
    await begin({ remove: [leafOf(carol)] })
    await win()
    expect([testing.context.intents.of(room), room.live.record.rejoinRequests]).toEqual([[], []])
  })

  test('that was given up does nothing', async () => {
    expect(await win([numbered(1n)])).toBeUndefined()
    await begin({})
    await room.enter({ name: 'active' })
    expect(await win()).toBeUndefined()
    expect(epoch()).toBe(1n)
  })
})
