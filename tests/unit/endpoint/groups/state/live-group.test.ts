// The MLS states of the groups: opened when they are used, and only some of them open at once.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import { atState, keptBytes } from '../../../../../services/endpoint/groups/state/held.js'
import { type GroupInEpoch, GroupStates } from '../../../../../services/endpoint/groups/state/live-group.js'
import { type GroupNumber, groupNumber } from '../../../../../services/endpoint/ids.js'
import type { Engine } from '../../../../../services/endpoint/mls/engine.js'
import { at, Records } from '../../../../../services/endpoint/vault/records.js'
import { makeEntry } from '../../../../../services/protocol/conversation/chain/entry.js'
import { planCommit } from '../../../../../services/protocol/conversation/commit-verdict.js'
import { nodeCrypto } from '../../../../../services/protocol/node/crypto.js'
import { openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { foundGroup } from '../../../../support/endpoint-groups.js'
import { TestGroup } from '../../../../support/group.js'
import { MemoryDisk } from '../../../../support/memory/vault.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')

let endpoint: TestContext
let engine: Engine
/** The groups whose states were opened from the disk. */
let loads: number
let states: GroupStates
let disk: MemoryDisk
let records: Records

beforeEach(async () => {
  endpoint = await openTestContext(alice)
  engine = endpoint.context.engine
  loads = 0
  states = statesOf()
  disk = new MemoryDisk()
  records = new Records(disk.open(), () => undefined)
})

/** As of a process that has just begun. `bytes`: how large each state is. */
function statesOf(bytes?: number): GroupStates {
  return new GroupStates({
    ...engine,
    save: state => (bytes === undefined ? engine.save(state) : padded(engine.save(state), bytes)),
    load(saved) {
      loads++
      return engine.load(bytes === undefined ? saved : unpadded(saved))
    },
  })
}
const padded = (saved: Uint8Array, bytes: number) => {
  const large = new Uint8Array(bytes)
  large.set(saved)
  new DataView(large.buffer).setUint32(bytes - 4, saved.length)
  return large
}
const unpadded = (large: Uint8Array) =>
  large.slice(0, new DataView(large.buffer, large.byteOffset).getUint32(large.length - 4))

const founded = () => foundGroup(engine, alice, { others: [bob] })
const FIRST = groupNumber(1n)
const enter = (group: GroupNumber, founded: GroupInEpoch) =>
  records.transaction(tx => states.enter(tx, group, founded))

describe('a state', () => {
  test('is opened once, when it is used', async () => {
    const group = await founded()
    const { state } = group
    await enter(FIRST, group)
    states = statesOf()
    expect(loads).toBe(0)
    expect(engine.save(states.get(records, FIRST))).toEqual(engine.save(state))
    expect(engine.save(states.get(records, FIRST))).toEqual(engine.save(state))
    expect(loads).toBe(1)
  })

  test('that is not open goes on all the same', async () => {
    await enter(FIRST, await founded())
    const sealed = await engine.seal(states.get(records, FIRST), Uint8Array.of(1))
    states = statesOf()
    await records.transaction(tx => states.advance(tx, FIRST, sealed.state, sealed.changed))
    expect(states.get(records, FIRST)).toBe(sealed.state)
    states = statesOf()
    expect(engine.save(states.get(records, FIRST))).toEqual(engine.save(sealed.state))
  })

  test('that is not there is a defect', () => {
    expect(() => states.get(records, FIRST)).toThrow(new RangeError('there is no state of group 1'))
  })

  test('is closed when others were used since and take the room: what it had sealed is there all the same', async () => {
    // Four of them at most.
    const MIB_4 = 4 * 1024 * 1024
    states = statesOf(MIB_4)
    const numbers = Array.from({ length: 8 }, (_, place) => groupNumber(BigInt(place + 1)))
    const others = numbers.slice(4)
    for (const group of numbers.slice(0, 4)) await enter(group, await founded())
    const sealed = await engine.seal(states.get(records, FIRST), Uint8Array.of(1))
    await records.transaction(tx => states.advance(tx, FIRST, sealed.state, sealed.changed))
    for (const group of others) await enter(group, await founded())
    expect(loads).toBe(0)
    for (const group of others) states.get(records, group)
    expect(loads).toBe(0)
    expect(engine.save(states.get(records, FIRST))).toEqual(engine.save(sealed.state))
    expect(loads).toBe(1)
  })

  test('of a unit of work is seen by it alone until it is saved', async () => {
    const [before, after] = [await founded(), await founded()]
    await enter(FIRST, before)
    await records.transaction(tx => {
      states.enter(tx, FIRST, after)
      expect(states.get(tx, FIRST)).toBe(after.state)
      expect(states.get(records, FIRST)).toBe(before.state)
      expect(states.held(tx, FIRST)).toBe(after.held)
      expect(states.held(records, FIRST)).toBe(before.held)
    })
    expect(states.get(records, FIRST)).toBe(after.state)
    expect(states.held(records, FIRST)).toBe(after.held)
  })

  test.each([{ kept: false }, { kept: true }])(
    'of a write that failed is the one on the disk: %j',
    async ({ kept }) => {
      const [before, after] = [await founded(), await founded()]
      await enter(FIRST, before)
      disk.fail({ reason: 'damaged', kept })
      await expect(enter(FIRST, after)).rejects.toThrow()
      expect(engine.save(states.get(records, FIRST))).toEqual(engine.save((kept ? after : before).state))
    },
  )
})

describe('what a group holds besides', () => {
  const rooms = () => foundGroup(engine, alice, { others: [bob], room: {} })

  test('is on the disk as it was, and read once', async () => {
    const group = await rooms()
    await enter(FIRST, group)
    states = statesOf()
    const { state, ledger, entries, leaves, epoch } = states.held(records, FIRST)
    expect(state).toEqual(group.held.state)
    expect(ledger).toEqual(group.held.ledger)
    expect(entries).toEqual(group.held.entries)
    expect([leaves, epoch]).toEqual([group.held.leaves, 1n])
    expect(states.held(records, FIRST)).toBe(states.held(records, FIRST))
  })

  test('that is not there is a defect', () => {
    expect(() => states.held(records, FIRST)).toThrow(new RangeError('nothing is held of group 1'))
  })

  test('that is of another group is not taken', async () => {
    const [group, other] = [await rooms(), await rooms()]
    await enter(FIRST, group)
    await records.transaction(tx => tx.putBytes('chains', at(FIRST), keptBytes(other.held)))
    states = statesOf()
    expect(() => states.held(records, FIRST)).toThrow('group-state')
  })

  test('is written where it changes, and there alone', async () => {
    const group = await rooms()
    await enter(FIRST, group)
    const isChainPut = (changes: readonly object[]) =>
      changes.some(each => 'put' in each && each.put === 'chains')
    disk.fail({ reason: 'full', where: isChainPut })
    // Fresh keys change nothing of it.
    const { pending } = await engine.commit(group.state, {})
    const next = engine.adopt(group.state, pending).state
    const after = { state: next, held: atState(engine, group.held, next) }
    await enter(FIRST, after)
    expect(states.held(records, FIRST).epoch).toBe(2n)
    const removed = [{ deviceKey: bob.device.publicKey, epoch: 1n }]
    for (const change of [
      { ledger: { ...after.held.ledger, removed } },
      { entries: [...after.held.entries] },
    ]) {
      disk.mend()
      await enter(FIRST, after)
      disk.fail({ reason: 'full', where: isChainPut })
      await expect(enter(FIRST, { ...after, held: { ...after.held, ...change } })).rejects.toThrow()
    }
  })

  test('is that of the commit on its way once this takes effect, else what it is now with other leaves', async () => {
    const group = await rooms()
    await enter(FIRST, group)
    const { pending } = await engine.commit(group.state, {})
    const next = engine.adopt(group.state, pending).state
    const save = (held: GroupInEpoch['held'] | undefined) =>
      records.transaction(tx => states.savePending(tx, FIRST, { state: pending, held }))
    await save(undefined)
    expect(states.heldAfter(records, FIRST, next)).toEqual({ ...group.held, epoch: 2n })
    const planned = await renamed(group)
    await save(planned.held)
    expect(states.heldAfter(records, FIRST, planned.state).state.settings?.name).toBe('coffee')
    // Nothing is left of a commit that was made before.
    await save(undefined)
    expect(states.heldAfter(records, FIRST, next).state.settings?.name).toBe('tea')
  })

  /** The group after a commit of its founder that gives it another name. */
  async function renamed({ state, held }: GroupInEpoch): Promise<GroupInEpoch> {
    const settings = { ...held.state.settings!, name: 'coffee' }
    const place = { before: held.state, groupId: held.groupId, epoch: held.epoch }
    const entry = makeEntry(nodeCrypto, place, { ...alice, change: { kind: 'settings', settings } })
    const planned = planCommit(nodeCrypto, held, { committer: alice.device.publicKey, entries: [entry] })
    const made = await engine.commit(state, { settings: planned.groupState! })
    const after = engine.adopt(state, made.pending).state
    return { state: after, held: { ...planned.after, entries: [...held.entries, ...planned.entries] } }
  }
})

test('two texts are never sealed from one state, even where the write of the first failed and was kept', async () => {
  const group = await TestGroup.of(endpoint, { others: [bob] })
  const seal = () =>
    endpoint.written(async (tx, unit) => {
      const { context } = unit
      const live = group.in(unit)
      const sealed = await context.engine.seal(live.state, Uint8Array.of(1))
      context.groups.advance(tx, live, sealed.state, sealed.changed)
      return sealed.ciphertext
    })
  let lost: Uint8Array | undefined
  endpoint.disk.fail({ reason: 'full', kept: true })
  const failing = endpoint.written(async (tx, unit) => {
    const sealed = await unit.context.engine.seal(group.in(unit).state, Uint8Array.of(1))
    unit.context.groups.advance(tx, group.in(unit), sealed.state, sealed.changed)
    lost = sealed.ciphertext
  })
  await expect(failing).rejects.toThrow()
  endpoint.disk.mend()
  const next = await seal()
  const opened = [await group.opened(bob, lost!), await group.opened(bob, next)]
  expect(opened.map(({ kind }) => kind)).toEqual(['application', 'application'])
})
