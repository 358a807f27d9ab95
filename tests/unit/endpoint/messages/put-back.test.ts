// A content that was sealed and not taken by the server goes back to where it was before.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { MessageKind, MessageStatus, OutboxRejoinSchema } from '../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import { clientSequenceOf, countOf } from '../../../../services/endpoint/ids.js'
import { putBack } from '../../../../services/endpoint/messages/put-back.js'
import { sealBody, sealLine } from '../../../../services/endpoint/messages/sealing/seal.js'
import { waitFor, waitingLines } from '../../../../services/endpoint/messages/sealing/unsent.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { TestGroup } from '../../../support/group.js'

let testing: TestContext
let room: TestGroup
let other: TestGroup
beforeEach(async () => {
  testing = await openTestContext(makeAccount('alice'))
  const others = [makeAccount('bob')]
  room = await TestGroup.of(testing, { others, room: {} })
  other = await TestGroup.of(testing, { others })
})

/** A text, sealed unless it is to wait. */
const write = (text: string, { group = room, waits = false } = {}) =>
  testing.written(async (tx, unit) => {
    const init = { kind: MessageKind.TEXT, own: true, text, status: MessageStatus.WAITING }
    const { id } = unit.context.conversations.append(tx, group.conversation, init)
    waitFor(tx, id)
    if (!waits) await sealLine(unit.context, tx, group.in(unit), id)
  })
const queue = (which: 'commit' | 'rejoin') =>
  testing.written((tx, { outbox }) =>
    outbox.add(
      tx,
      room.number,
      which === 'commit'
        ? { case: 'commit', value: {} }
        : { case: 'rejoin', value: create(OutboxRejoinSchema) },
    ),
  )
/** The server rejects a send of what is on its way. */
const rejected = (from: bigint) =>
  testing.written((tx, { outbox }) => outbox.rewind(tx, clientSequenceOf(from)))
const put = (how: Parameters<typeof putBack>[3] = {}) =>
  testing.written((tx, unit) => putBack(unit.context, tx, room.in(unit), how))
const out = () => testing.outbox.items().map(({ item }) => `${item.group === room.number} ${item.what.case}`)
const undelivered = () => testing.context.records.keys('undelivered').length
const waiting = () => waitingLines(testing.context).length
const states = () => testing.context.conversations.history(room.conversation).map(({ state }) => state)

describe('what is put back', () => {
  test('is what this group has on its way: texts wait again, the rest is given up', async () => {
    await write('one')
    await write('elsewhere', { group: other })
    await testing.written((tx, unit) =>
      sealBody(unit.context, tx, room.in(unit), { case: 'receipt', value: { delivered: [] } }),
    )
    await put()
    expect(out()).toEqual(['false content'])
    expect(waiting()).toBe(1)
    expect(states()).toEqual(['waiting'])
  })

  test('cannot be said again under the count that it had, which nobody has', async () => {
    const said = () => testing.context.records.keys('sent')
    await write('one')
    await write('two')
    expect(said()).toHaveLength(2)
    testing.outbox.takeUnsent()
    await testing.written((tx, { outbox }) => outbox.accepted(tx, clientSequenceOf(1n)))
    await rejected(2n)
    await put()
    expect(said()).toEqual([{ group: room.number, id: 1n }])
  })

  test('is not what the server has', async () => {
    await write('stored')
    await write('on its way')
    testing.outbox.takeUnsent()
    await testing.written((tx, { outbox }) => outbox.accepted(tx, clientSequenceOf(1n)))
    await rejected(2n)
    await put()
    expect(out()).toEqual(['true content'])
    expect(waiting()).toBe(1)
  })

  test('is not what is on its way, where the server may take that yet', async () => {
    await write('on its way')
    testing.outbox.takeUnsent()
    await write('at hand')
    await put()
    expect(out()).toEqual(['true content'])
    expect([waiting(), states()]).toEqual([1, ['waiting', 'waiting']])
    await rejected(1n)
    await put()
    expect([out(), waiting()]).toEqual([[], 2])
  })

  test('ends a commit, but no request to rejoin unless that is wanted', async () => {
    await room.enter({ name: 'committing' })
    await queue('commit')
    await queue('rejoin')
    await put()
    expect(out()).toEqual(['true rejoin'])
    expect(room.live.phase.name).toBe('active')
    await put({ rejoinToo: true })
    expect(out()).toEqual([])
  })

  test('is not counted as undelivered while it waits, nor when it never goes out', async () => {
    await write('one')
    await write('two')
    expect(undelivered()).toBe(2)
    await put()
    expect(undelivered()).toBe(0)
    await write('three')
    await put({ failure: 'not-in-room' })
    expect([undelivered(), states()]).toEqual([0, ['failed', 'failed', 'failed']])
    expect(testing.told.at(-1)).toMatchObject({ type: 'state', state: 'failed', failure: 'not-in-room' })
  })

  test('is not what was said again for somebody: that is asked for again', async () => {
    await write('one')
    const body = { case: 'text', value: {} } as const
    await testing.written((tx, unit) =>
      sealBody(unit.context, tx, room.in(unit), body, { resentCount: countOf(1n) }),
    )
    await put()
    expect([out(), waiting()]).toEqual([[], 1])
  })

  test('is also that this account leaves, where that was sealed', async () => {
    await room.enter({ name: 'leaving', leaveDue: false, commitOut: false })
    await testing.written((tx, unit) =>
      sealBody(unit.context, tx, room.in(unit), { case: 'leave', value: {} }),
    )
    await put()
    expect(room.live.phase).toMatchObject({ name: 'leaving', leaveDue: true })
  })

  test('never goes out where it cannot, with what waits to be sealed in the same conversation', async () => {
    await write('sealed')
    await write('typed', { waits: true })
    await write('elsewhere', { group: other, waits: true })
    await put({ failure: 'not-in-room' })
    expect(states()).toEqual(['failed', 'failed'])
    expect(waiting()).toBe(1)
  })
})
