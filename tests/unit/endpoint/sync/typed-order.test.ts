// A text is on its way in a group that takes no more, and another one is typed: others read them in the order they were
// typed, whatever the server says of the first.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { type RejectedSend, RejectedSendSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import { joined } from '../../../../services/endpoint/groups/state/group.js'
import type { LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import { clientSequenceOf } from '../../../../services/endpoint/ids.js'
import { onRejected } from '../../../../services/endpoint/messages/rejections.js'
import { waitFor, waitingLines } from '../../../../services/endpoint/messages/sealing/unsent.js'
import { goOn, takeNoMore } from '../../../../services/endpoint/messages/succession.js'
import { fillOutbox } from '../../../../services/endpoint/sync/seal-due.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { foundSuccessor } from '../../../support/endpoint-groups.js'
import { TestGroup } from '../../../support/group.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')

let testing: TestContext
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { by: bob, others: [bob], room: {} })
})

/** As it is typed: sealed if it can be, and given to the server. */
async function type(text: string, { conversation } = room): Promise<void> {
  const init = { kind: MessageKind.TEXT, own: true, text, status: MessageStatus.WAITING }
  await testing.written((tx, { context }) =>
    waitFor(tx, context.conversations.append(tx, conversation, init).id),
  )
  await fill()
}
async function fill(): Promise<void> {
  await testing.written((tx, unit) => {
    // No update is due.
    for (const { number } of unit.context.groups.all())
      unit.context.groups.change(tx, unit.context.groups.get(number)!, {
        committedAtMs: BigInt(testing.clock.now()),
      })
  })
  await testing.written((_, unit) => fillOutbox(unit, { now: testing.clock.now(), receipts: false }))
  testing.outbox.takeUnsent()
}

/** Bob makes the group in which the room goes on. */
async function goesOn(): Promise<LiveGroup> {
  const { engine } = testing.context
  await testing.written((tx, unit) => takeNoMore(unit.context, tx, room.in(unit), {}))
  const founded = await foundSuccessor(engine, bob, room.live.held, { others: [alice] })
  const entered = await founded.join(0)
  return await testing.written((tx, { context }) => {
    const group = context.groups.add(tx, { conversation: room.conversation, phase: joined() }, entered)
    goOn(context, tx, group)
    return group
  })
}

const rejected = (clientSequence: bigint, reason: RejectedSend['reason']) =>
  testing.written((tx, { context }) =>
    onRejected(context, tx, create(RejectedSendSchema, { clientSequence, reason })),
  )
const accepted = (through: bigint) =>
  testing.written((tx, { outbox }) => outbox.accepted(tx, clientSequenceOf(through)))

/** Texts on their way, with the group that each is sealed in. */
function onTheirWay(next: LiveGroup): string[] {
  const lines = testing.context.conversations.history(room.conversation)
  return testing.outbox.items().flatMap(({ item: { group, what } }) => {
    if (what.case !== 'content' || what.value.message === 0n) return []
    const { message } = what.value
    const text = lines.find(({ id }) => id.message === message)?.text ?? 'of another conversation'
    return [`${text}, ${group === next.number ? 'next' : 'before'}`]
  })
}

describe('a text that is typed while one is on its way in the group before', () => {
  let next: LiveGroup
  beforeEach(async () => {
    await type('one')
    next = await goesOn()
    await type('two')
    await type('three')
  })

  test('waits for it', () => {
    expect(onTheirWay(next)).toEqual(['one, before'])
    expect(waitingLines(testing.context)).toHaveLength(2)
  })

  test.each<RejectedSend['reason']>([
    { case: 'staleEpoch', value: { $typeName: 'parley.v1.StaleEpoch', currentEpoch: 9n } },
    { case: 'notAMember', value: { $typeName: 'parley.v1.NotAMember' } },
  ])('goes out behind it, where the server does not take that: %j', async reason => {
    await rejected(1n, reason)
    await fill()
    expect(onTheirWay(next)).toEqual(['one, next', 'two, next', 'three, next'])
  })

  test('goes out behind it, where the server has taken that', async () => {
    await accepted(1n)
    await fill()
    expect(onTheirWay(next)).toEqual(['one, before', 'two, next', 'three, next'])
  })

  test('goes out where that is given up', async () => {
    await rejected(1n, { case: 'tooLarge', value: { $typeName: 'parley.v1.TooLarge', limitBytes: 1 } })
    await fill()
    expect(onTheirWay(next)).toEqual(['two, next', 'three, next'])
  })
})

test('a text of another conversation does not wait for it', async () => {
  const other = await TestGroup.of(testing, { others: [bob] })
  await type('one')
  const next = await goesOn()
  await type('elsewhere', other)
  expect(onTheirWay(next)).toEqual(['one, before', 'of another conversation, before'])
})
