import { beforeEach, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import type { LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import { groupNumber } from '../../../../services/endpoint/ids.js'
import type { Outgoing } from '../../../../services/endpoint/sync/frames.js'
import { PresenceBeat } from '../../../../services/endpoint/sync/presence-beat.js'
import { Scheduler } from '../../../../services/endpoint/sync/scheduler.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { groupWithPerson } from '../../../support/endpoint-groups.js'

const SAID: Outgoing = { clientSequence: 0n }

let endpoint: TestContext
let group: LiveGroup
let beat: PresenceBeat
/** The calls that were made, in their order. */
let done: string[]
let failing: Error | undefined

beforeEach(async () => {
  endpoint = await openTestContext(makeAccount('alice'))
  group = await groupWithPerson(endpoint, makeAccount('bob'))
  done = []
  failing = undefined
  beat = new PresenceBeat({
    presence: {
      async announce(_, { here, asks }, groups) {
        if (failing) throw failing
        const where = groups ? groups.map(({ number }) => number).join() : 'all'
        done.push(`${here ? 'here' : 'gone'}${asks ? ', who else?' : ''} in ${where}`)
        return [SAID]
      },
      expire: () => void done.push('expire'),
      forget: () => void done.push('forget'),
    },
    transaction: endpoint.transaction,
    scheduler: new Scheduler(endpoint.clock),
    sendLoop: {
      nudge: () => void done.push('nudge'),
      sendNow: said => void done.push(`sent ${said.length}`),
    },
    onFailure: error => void done.push(`failed: ${error}`),
  })
})

const settled = () => endpoint.clock.settled()

test('every fifteen seconds it says so, looks who has gone, and what is due', async () => {
  beat.start()
  endpoint.clock.pass(14_999)
  await settled()
  expect(done).toEqual([])
  endpoint.clock.pass(1)
  await settled()
  expect(done).toEqual(['expire', 'nudge', 'here in all', 'sent 1'])
  endpoint.clock.pass(15_000)
  await settled()
  expect(done).toHaveLength(8)
})

test('started again it beats once', async () => {
  beat.start()
  beat.start()
  endpoint.clock.pass(15_000)
  await settled()
  expect(done.filter(each => each === 'expire')).toHaveLength(1)
})

test('when all is here that the server had, it asks who else is', async () => {
  beat.up()
  await settled()
  expect(done).toEqual([`here, who else? in ${group.number}`, 'sent 1'])
  done.length = 0
  beat.start()
  endpoint.clock.pass(15_000)
  await settled()
  expect(done).toContain('here in all')
})

test('of many conversations it asks in those used last, and in all of them with the next beat, once', async () => {
  const used = [group.number]
  for (let each = 0; each < 16; each++) {
    endpoint.clock.pass(1)
    used.unshift((await groupWithPerson(endpoint, makeAccount(`guest${each}`))).number)
  }
  beat.start()
  beat.up()
  await settled()
  expect(done).toEqual([`here, who else? in ${used.slice(0, 16)}`, 'sent 1'])
  endpoint.clock.pass(15_000)
  await settled()
  endpoint.clock.pass(15_000)
  await settled()
  expect(done.filter(each => each.includes('in all'))).toEqual(['here, who else? in all', 'here in all'])
})

test('what was to be asked with the next beat is not, when the line went down', async () => {
  for (let each = 0; each < 16; each++) await groupWithPerson(endpoint, makeAccount(`guest${each}`))
  beat.start()
  beat.up()
  await settled()
  beat.down()
  endpoint.clock.pass(15_000)
  await settled()
  expect(done).toContain('here in all')
})

test('when the line is down it knows of nobody', () => {
  beat.down()
  expect(done).toEqual(['forget'])
})

test('in a group with others than before it says so and asks, but only while it is up', async () => {
  await beat.changed([group.number])
  expect(done).toEqual([])
  beat.up()
  await settled()
  done.length = 0
  await beat.changed([])
  await beat.changed([group.number, groupNumber(99n)])
  expect(done).toEqual([`here, who else? in ${group.number}`, 'sent 1'])
  beat.down()
  done.length = 0
  await beat.changed([group.number])
  expect(done).toEqual([])
})

test('a device that leaves says so', async () => {
  await beat.leave()
  expect(done).toEqual(['gone in all', 'sent 1'])
})

test('a vault that cannot be read is told of', async () => {
  failing = new Error('damaged')
  beat.up()
  await settled()
  beat.start()
  endpoint.clock.pass(15_000)
  await settled()
  expect(done).toEqual(['failed: Error: damaged', 'expire', 'nudge', 'failed: Error: damaged'])
  await expect(beat.leave()).rejects.toBe(failing)
})
