import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { LimitsSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import type { Unit } from '../../../../services/endpoint/context.js'
import { intend, removeAccount } from '../../../../services/endpoint/groups/intents.js'
import type { LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import { countOf, messageNumber } from '../../../../services/endpoint/ids.js'
import type { RequestFrame } from '../../../../services/endpoint/line/frame-writer.js'
import type { Outgoing } from '../../../../services/endpoint/sync/frames.js'
import { Scheduler } from '../../../../services/endpoint/sync/scheduler.js'
import type { Due } from '../../../../services/endpoint/sync/seal-due.js'
import { SendLoop } from '../../../../services/endpoint/sync/send-loop.js'
import { loadServer } from '../../../../services/endpoint/sync/server-record.js'
import { groupIn, openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { groupWithPerson } from '../../../support/endpoint-groups.js'

const bob = makeAccount('bob')

let endpoint: TestContext
let group: LiveGroup
let sends: SendLoop
let written: RequestFrame[]
let failures: unknown[]
let rounds: Pick<Due, 'receipts'>[]
/** The contents that are sealed in the next round. */
let waiting: number
let onSealed: () => void

beforeEach(async () => {
  endpoint = await openTestContext(makeAccount('alice'))
  group = await groupWithPerson(endpoint, bob)
  // Or its first update would be waited for.
  await endpoint.written((tx, unit) =>
    unit.context.groups.change(tx, groupIn(unit, group), { committedAtMs: BigInt(endpoint.clock.now()) }),
  )
  written = []
  failures = []
  rounds = []
  waiting = 0
  onSealed = () => undefined
  sends = new SendLoop({
    ...endpoint,
    scheduler: new Scheduler(endpoint.clock),
    write: frame => void written.push(frame),
    onSealed: () => onSealed(),
    onFailure: error => void failures.push(error),
    seal: async (unit, { receipts }) => seal(unit, receipts),
  })
})

function seal({ outbox, tx }: Unit, receipts: boolean): void {
  rounds.push({ receipts })
  for (; waiting > 0 && outbox.room() > 0; waiting--)
    outbox.add(tx, group.number, {
      case: 'content',
      value: {
        $typeName: 'parley.vault.v1.OutboxContent',
        ...{
          content: new Uint8Array(),
          ciphertext: new Uint8Array(1),
          epoch: 1n,
          message: messageNumber(0n),
        },
      },
    })
}

/** Resolves when all that was begun has been done. */
const done = () => endpoint.clock.settled()
const round = async (count: number) => {
  waiting = count
  sends.nudge()
  await done()
}
const open = async (limits: MessageInitShape<typeof LimitsSchema> = {}) => {
  sends.opened({ limits: create(LimitsSchema, limits) })
  await done()
}
const numbers = () =>
  written.map(frame =>
    frame.case === 'send' ? frame.value.envelopes?.map(({ clientSequence }) => Number(clientSequence)) : [],
  )

test('nothing is sealed before the server has opened the stream, and all that waits then', async () => {
  await round(2)
  expect({ rounds, written }).toEqual({ rounds: [], written: [] })
  await open()
  expect(numbers()).toEqual([[1, 2]])
})

test('nothing is sealed while the line is down', async () => {
  await open()
  sends.down()
  await round(1)
  expect(numbers()).toEqual([])
  await open()
  expect(numbers()).toEqual([[1]])
})

test('several nudges are one round', async () => {
  await open()
  rounds.length = 0
  for (let times = 0; times < 10; times++) sends.nudge()
  await done()
  expect(rounds).toHaveLength(1)
})

test('frames have no more envelopes than the server takes', async () => {
  waiting = 5
  await open({ envelopesPerSend: 2 })
  expect(numbers()).toEqual([[1, 2], [3, 4], [5]])
})

test('what was sealed is written when it is saved, and told of then', async () => {
  await open()
  let savedThen: unknown
  onSealed = () => {
    savedThen = {
      items: endpoint.outbox.items().length,
      given: loadServer(endpoint.context.records)?.clientSequence,
    }
  }
  await round(3)
  expect(savedThen).toEqual({ items: 3, given: 3n })
})

describe('a vault that does not take what was sealed', () => {
  test('and loses it: nothing of it is written, and the numbers go on as if it had never been', async () => {
    await open()
    endpoint.disk.fail({ reason: 'full' })
    await round(2)
    expect(failures).toMatchObject([{ name: 'VaultError', reason: 'full' }])
    expect(numbers()).toEqual([])
    endpoint.disk.mend()
    await round(1)
    expect(numbers()).toEqual([[1]])
  })

  test('but keeps it: nothing of it is written, for nobody knows', async () => {
    await open()
    endpoint.disk.fail({ reason: 'full', kept: true })
    await round(2)
    expect(failures).toHaveLength(1)
    expect(numbers()).toEqual([])
  })
})

test('a server that wants to wait is given nothing until then', async () => {
  await open()
  rounds.length = 0
  sends.pause(5_000)
  await round(1)
  endpoint.clock.pass(4_900)
  await round(1)
  expect(rounds).toEqual([])
  endpoint.clock.pass(101)
  await done()
  expect(numbers()).toEqual([[1]])
})

test('a new stream ends the wait', async () => {
  await open()
  sends.pause(5_000)
  await open()
  await round(1)
  expect(numbers()).toEqual([[1]])
})

describe('receipts', () => {
  /** Bob has said something that is here. */
  const owe = () =>
    endpoint.written((tx, unit) => {
      const live = groupIn(unit, group)
      unit.context.groups.saveSender(tx, live, {
        ...live.sender(bob.device.publicKey),
        received: countOf(1n),
        owed: countOf(1n),
      })
    })

  test('that were owed when this device last stopped are due as soon as the stream is open', async () => {
    await open()
    expect(rounds).toEqual([{ receipts: true }])
  })

  test('wait a tenth of a second for company', async () => {
    await open()
    rounds.length = 0
    await owe()
    sends.receiptsSoon()
    sends.receiptsSoon()
    endpoint.clock.pass(90)
    await round(0)
    expect(rounds).toEqual([{ receipts: false }])
    endpoint.clock.pass(10)
    await done()
    expect(rounds).toEqual([{ receipts: false }, { receipts: true }])
  })

  test('that nobody is owed are not waited for', async () => {
    await open()
    await round(0)
    rounds.length = 0
    sends.receiptsSoon()
    endpoint.clock.pass(1000)
    await done()
    await round(0)
    expect(rounds).toEqual([{ receipts: false }])
  })

  test('are due before this device leaves', async () => {
    await open()
    await round(0)
    rounds.length = 0
    await sends.finish()
    expect(rounds).toEqual([{ receipts: true }])
  })
})

describe('what matters only now', () => {
  const envelope: Outgoing = { clientSequence: 0n, envelope: { case: 'ephemeral', value: {} } }

  test('is sent at once, in frames that the server takes', async () => {
    await open({ envelopesPerSend: 2 })
    sends.sendNow([envelope, envelope, envelope])
    expect(numbers()).toEqual([[0, 0], [0]])
  })

  test('is dropped while the line is down', () => {
    sends.sendNow([envelope])
    expect(written).toEqual([])
  })
})

test('a change that has to wait for its time is looked at then', async () => {
  await open()
  const dueAt = endpoint.clock.now() + 3_000
  await endpoint.written((tx, unit) => {
    intend(unit.context, tx, groupIn(unit, group), removeAccount(bob.account.publicKey), 3_000)
  })
  await round(0)
  rounds.length = 0
  endpoint.clock.pass(dueAt - endpoint.clock.now())
  await done()
  expect(rounds).toEqual([])
  endpoint.clock.pass(1)
  await done()
  expect(rounds).toHaveLength(1)
})
