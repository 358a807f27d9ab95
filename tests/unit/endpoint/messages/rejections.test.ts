// The fate of sends that the server rejects, with the real engine and a real vault.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { type RejectedSend, RejectedSendSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import { createSuccessor } from '../../../../services/endpoint/groups/create.js'
import { created, type GroupPhase } from '../../../../services/endpoint/groups/state/group.js'
import type { GroupChange, LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import { phaseRecord } from '../../../../services/endpoint/groups/state/phase-record.js'
import { COMES_WITHIN_MS } from '../../../../services/endpoint/groups/succession.js'
import { clientSequenceOf } from '../../../../services/endpoint/ids.js'
import { onRejected } from '../../../../services/endpoint/messages/rejections.js'
import { askAgainToRejoin, stateLost } from '../../../../services/endpoint/messages/rejoin-requests.js'
import { type Outbox, queueCommit } from '../../../../services/endpoint/messages/sealing/outbox.js'
import { waitFor, waitingLines } from '../../../../services/endpoint/messages/sealing/unsent.js'
import { fillOutbox } from '../../../../services/endpoint/sync/seal-due.js'
import { at } from '../../../../services/endpoint/vault/records.js'
import { groupIn, openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { groupWithPerson, inNextEpoch, putInPhase, roomWith } from '../../../support/endpoint-groups.js'

let context: TestContext['context']
let written: TestContext['written']
let outbox: Outbox
let group: LiveGroup
let told: TestContext['told']

beforeEach(async () => {
  const testing = await openTestContext(makeAccount('alice'))
  ;({ context, outbox, written, told } = testing)
  group = await groupWithPerson(testing, makeAccount('bob'))
  told.length = 0
})

const changed = (change: GroupChange) =>
  written((tx, unit) => unit.context.groups.change(tx, groupIn(unit, group), change))
const inPhase = (phase: GroupPhase) =>
  written(tx => tx.put('groups', at(group.number), { ...group.record, ...phaseRecord(phase) }))
const fill = () => written((_, unit) => fillOutbox(unit, { now: context.clock.now(), receipts: false }))
async function write(...texts: string[]): Promise<void> {
  const { conversation } = group.record
  await written((tx, { context }) => {
    for (const text of texts) {
      const init = { kind: MessageKind.TEXT, own: true, text, status: MessageStatus.WAITING }
      const { id } = context.conversations.append(tx, conversation, init)
      waitFor(tx, id)
    }
  })
}
const reject = (
  clientSequence: bigint,
  reason: Parameters<typeof create<typeof RejectedSendSchema>>[1] & object,
) => {
  const rejected: RejectedSend = create(RejectedSendSchema, { ...reason, clientSequence })
  return written((tx, { context }) => onRejected(context, tx, rejected))
}
const what = () => outbox.items().map(({ item }) => `${item.clientSequence} ${item.what.case}`)
/** Another member's commit has been taken in. */
const commitOfAnother = () => inNextEpoch({ context, written }, group)
const stale = (currentEpoch: bigint) => ({ reason: { case: 'staleEpoch' as const, value: { currentEpoch } } })

describe('a commit that lost its race', () => {
  test('is not followed by another before its rejection is here', async () => {
    await fill()
    expect(what()).toEqual(['1 commit'])
    await commitOfAnother()
    await fill()
    expect(what()).toEqual(['1 commit'])
    await reject(1n, stale(2n))
    expect(what()).toEqual([])
    await fill()
    expect(what()).toEqual(['1 commit'])
    expect(group.pending).toBeDefined()
  })

  test('lets the texts behind it move up', async () => {
    await write('one', 'two')
    await fill()
    expect(what()).toEqual(['1 commit', '2 content', '3 content'])
    outbox.takeUnsent()
    await commitOfAnother()
    await reject(1n, stale(2n))
    expect(what()).toEqual(['1 content', '2 content'])
    expect(outbox.takeUnsent()).toHaveLength(2)
  })
})

describe('a text', () => {
  const sealedIn = () =>
    outbox.items().flatMap(({ item }) => (item.what.case === 'content' ? [item.what.value.epoch] : []))

  beforeEach(async () => {
    // No update is due.
    await changed({ committedAtMs: BigInt(Date.now()) })
    await write('one', 'two')
    await fill()
    outbox.takeUnsent()
    told.length = 0
  })

  test('whose epoch has passed is sealed anew, with those behind it, under the same numbers', async () => {
    await commitOfAnother()
    await reject(1n, stale(2n))
    expect(what()).toEqual(['1 content', '2 content'])
    expect(sealedIn()).toEqual([2n, 2n])
    expect(outbox.takeUnsent()).toHaveLength(2)
  })

  test('that is stale in the newest epoch ends the group and waits for another: it does not go round', async () => {
    await reject(1n, stale(5n))
    expect(group.phase.name).toBe('ended')
    expect(what()).toEqual([])
    expect(waitingLines(context)).toHaveLength(2)
    expect(context.records.list('undelivered')).toEqual([])
  })

  test('behind a rejected one waits for it', async () => {
    expect(await reject(2n, { reason: { case: 'outOfOrder', value: { expected: 1n } } })).toBe(0)
    expect(outbox.takeUnsent()).toEqual([])
  })

  test('that comes too fast is sent again, with all behind it, when the server says', async () => {
    expect(await reject(1n, { reason: { case: 'rateLimited', value: { retryAfterMs: 70 } } })).toBe(70)
    expect(outbox.takeUnsent()).toHaveLength(2)
  })

  test('that finds the disk full waits, and the person is told', async () => {
    expect(await reject(1n, { reason: { case: 'storageFull', value: { retryAfterMs: 9 } } })).toBe(9)
    expect(told).toEqual([{ type: 'notice', level: 'warning', notice: { code: 'server-full' } }])
    expect(outbox.takeUnsent()).toHaveLength(2)
  })

  test("that finds its account's part of the disk full waits, and the person is told that", async () => {
    const value = { retryAfterMs: 9, accountLimitBytes: 1n }
    expect(await reject(1n, { reason: { case: 'storageFull', value } })).toBe(9)
    expect(told).toEqual([{ type: 'notice', level: 'warning', notice: { code: 'account-full' } }])
  })

  test('that is too large is given up, and the ones behind it move up', async () => {
    await reject(1n, { reason: { case: 'tooLarge', value: { limitBytes: 1 } } })
    expect(told).toMatchObject([{ type: 'state', state: 'failed', failure: 'too-large' }])
    expect(what()).toEqual(['1 content'])
  })

  test('that breaks a rule is given up as what it is', async () => {
    await reject(1n, { reason: { case: 'malformed', value: {} } })
    expect(told).toMatchObject([{ type: 'state', state: 'failed', failure: 'malformed' }])
    expect(what()).toEqual(['1 content'])
  })

  test('of a group that the server does not know waits for another', async () => {
    for (const name of ['unknownConversation', 'notAMember'] as const) {
      await reject(1n, { reason: { case: name, value: {} } })
      expect(waitingLines(context)).toHaveLength(2)
    }
  })

  test('that nobody knows the rejection of changes nothing', async () => {
    expect(await reject(77n, stale(9n))).toBe(0)
    expect(what()).toEqual(['1 content', '2 content'])
  })
})

test('an update that the server refuses is not made again at once, and texts go on', async () => {
  await fill()
  expect(what()).toEqual(['1 commit'])
  await reject(1n, { reason: { case: 'malformed', value: {} } })
  expect([what(), group.phase.name]).toEqual([[], 'active'])
  expect(told).toMatchObject([{ notice: { code: 'not-changed' } }])
  await write('still here')
  await fill()
  expect(what()).toEqual(['1 content'])
})

test('a group that the server refuses is told of by its reason', async () => {
  await inPhase(created())
  await written((tx, { outbox }) =>
    outbox.add(tx, group.number, {
      case: 'commit',
      value: {},
    }),
  )
  await reject(1n, { reason: { case: 'tooManyConversations', value: { limit: 1 } } })
  expect(told).toMatchObject([
    {
      type: 'notice',
      level: 'warning',
      notice: { code: 'not-opened', peer: 'bob', isRoom: false, why: 'too-many-conversations' },
    },
  ])
  expect(group.phase.name).toBe('ended')
})

describe('a room', () => {
  let room: LiveGroup
  beforeEach(async () => {
    room = await roomWith({ context, written }, [makeAccount('bob')])
    told.length = 0
  })
  const enter = (phase: GroupPhase) => putInPhase({ written }, room, phase)
  const queue = (of: LiveGroup) =>
    written((tx, { outbox }) => outbox.add(tx, of.number, { case: 'commit', value: {} }))

  test('that the server says has gone on elsewhere is waited for there, and made anew in the end', async () => {
    await fill()
    expect(what()).toEqual(['1 commit', '2 commit'])
    await reject(2n, { reason: { case: 'succeeded', value: {} } })
    expect(what()).toEqual(['1 commit'])
    const { phase } = context.groups.get(room.number)!
    expect(phase).toEqual({
      name: 'broken',
      succeedAtMs: context.clock.now() + COMES_WITHIN_MS,
      leaveDue: false,
    })
    expect(told).toEqual([])
    // It makes no other commit that would be refused as well.
    await fill()
    expect(what()).toEqual(['1 commit'])
  })

  test('that is known to go on elsewhere is not put off by what was on its way', async () => {
    const broken: GroupPhase = { name: 'broken', succeedAtMs: 7, leaveDue: false }
    await enter(broken)
    await queue(room)
    await reject(1n, { reason: { case: 'succeeded', value: {} } })
    expect([what(), room.phase]).toEqual([[], broken])
  })

  describe('whose next group the server refuses', () => {
    let next: LiveGroup
    beforeEach(async () => {
      await enter({ name: 'broken', succeedAtMs: 0, leaveDue: false })
      const number = await written(async (tx, unit) => {
        const old = unit.context.groups.get(room.number)!
        const made = await createSuccessor(unit.context, tx, old, { invitees: [], out: [] })
        queueCommit(unit.outbox, tx, made.group.number, made)
        return made.group.number
      })
      next = context.groups.get(number)!
    })

    test.each<[Parameters<typeof reject>[1]['reason'] & object, number]>([
      [{ case: 'tooManySuccessors', value: { retryAfterMs: 70_000 } }, 70_000],
      [{ case: 'staleEpoch', value: { currentEpoch: 0n } }, 1_000],
      [{ case: 'tooManyConversations', value: { limit: 1 } }, 1_000],
      [{ case: 'unknownDevice', value: {} }, 1_000],
      [{ case: 'malformed', value: {} }, 1_000],
      [{ case: 'notAMember', value: {} }, 1_000],
      [{ case: 'unknownConversation', value: {} }, 1_000],
    ])('as %j makes another one after a while, and not at once', async (reason, waitMs) => {
      await reject(1n, { reason })
      expect([what(), next.phase]).toEqual([[], { name: 'ended', why: 'abandoned' }])
      expect(room.phase).toEqual({
        name: 'broken',
        succeedAtMs: context.clock.now() + waitMs,
        leaveDue: false,
      })
    })
  })
})

test('a conversation of two that the server says has gone on elsewhere is made anew', async () => {
  await fill()
  await reject(1n, { reason: { case: 'succeeded', value: {} } })
  expect([what(), group.phase]).toEqual([[], { name: 'ended', why: 'abandoned' }])
})

test('a state that is lost is asked for once in a while, or when a person wants it so', async () => {
  const lost = () => written((tx, unit) => stateLost(unit.context, tx, groupIn(unit, group)))
  await lost()
  expect(what()).toEqual(['1 rejoin'])
  // Asked for so soon again, it waits its turn; a person who asks need not.
  await lost()
  expect(what()).toEqual(['1 rejoin'])
  await written((tx, { outbox }) => outbox.echoed(tx, clientSequenceOf(1n)))
  await lost()
  expect(what()).toEqual([])
  await written((tx, unit) => askAgainToRejoin(unit.context, tx, groupIn(unit, group), { atOnce: true }))
  expect(outbox.items()).toHaveLength(1)
})

test('texts of a group that was lost wait for it, when the server finds their epoch too old', async () => {
  await write('one', 'two')
  await fill()
  await inPhase({ name: 'out-of-sync', askDue: false, leaveDue: false })
  await reject(1n, { reason: { case: 'notAMember', value: {} } })
  expect(what()).toEqual([])
  expect(waitingLines(context)).toHaveLength(2)
  expect(group.phase.name).toBe('out-of-sync')
})
