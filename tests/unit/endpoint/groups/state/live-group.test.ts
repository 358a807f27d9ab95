// The MLS states of the groups: opened when they are used, and only some of them open at once.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import { GroupStates } from '../../../../../services/endpoint/groups/state/live-group.js'
import { type GroupNumber, groupNumber } from '../../../../../services/endpoint/ids.js'
import type { Engine, GroupState } from '../../../../../services/endpoint/mls/engine.js'
import { Records } from '../../../../../services/endpoint/vault/records.js'
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

const founded = async () => (await foundGroup(engine, alice, { others: [bob] })).state
const FIRST = groupNumber(1n)
const enter = (group: GroupNumber, state: GroupState) =>
  records.transaction(tx => states.enter(tx, group, state))

describe('a state', () => {
  test('is opened once, when it is used', async () => {
    const state = await founded()
    await enter(FIRST, state)
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
      expect(states.get(tx, FIRST)).toBe(after)
      expect(states.get(records, FIRST)).toBe(before)
    })
    expect(states.get(records, FIRST)).toBe(after)
  })

  test.each([{ kept: false }, { kept: true }])(
    'of a write that failed is the one on the disk: %j',
    async ({ kept }) => {
      const [before, after] = [await founded(), await founded()]
      await enter(FIRST, before)
      disk.fail({ reason: 'damaged', kept })
      await expect(enter(FIRST, after)).rejects.toThrow()
      expect(engine.save(states.get(records, FIRST))).toEqual(engine.save(kept ? after : before))
    },
  )
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
