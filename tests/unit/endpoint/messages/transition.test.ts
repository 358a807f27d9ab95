// The effects above a group of what happened in it.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import type { GroupInput } from '../../../../services/endpoint/groups/state/transitions.js'
import type { OuterEffect } from '../../../../services/endpoint/groups/transition.js'
import { clientSequenceOf, sequenceOf } from '../../../../services/endpoint/ids.js'
import { queueCommit } from '../../../../services/endpoint/messages/sealing/outbox.js'
import { sealLine } from '../../../../services/endpoint/messages/sealing/seal.js'
import { waitFor, waitingLines } from '../../../../services/endpoint/messages/sealing/unsent.js'
import { carryOut, dropWithdrawn, move } from '../../../../services/endpoint/messages/transition.js'
import {
  readRejoinStatement,
  rejoinFault,
} from '../../../../services/protocol/conversation/rejoin-statement.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { openTestContext, pinned, type TestContext } from '../../../support/endpoint-context.js'
import { TestGroup } from '../../../support/group.js'
import { saidIn } from '../../../support/said.js'

const PLACE = { sequence: sequenceOf(9n), storedAtMs: 77n }

const carol = makeAccount('carol')

let testing: TestContext
let room: TestGroup
let direct: TestGroup
beforeEach(async () => {
  testing = await openTestContext(makeAccount('alice'))
  await pinned(testing, carol)
  const others = [makeAccount('bob')]
  room = await TestGroup.of(testing, { others, room: {} })
  direct = await TestGroup.of(testing, { others })
})

const act = (group: TestGroup, ...effects: OuterEffect[]) =>
  testing.written((tx, unit) =>
    carryOut(unit.context, tx, group.in(unit), effects, { place: PLACE, by: carol.account.publicKey }),
  )
const write = (group: TestGroup, { waits = false } = {}) =>
  testing.written(async (tx, unit) => {
    const init = { kind: MessageKind.TEXT, own: true, text: 'text', status: MessageStatus.WAITING }
    const { id } = unit.context.conversations.append(tx, group.conversation, init)
    waitFor(tx, id)
    if (!waits) await sealLine(unit.context, tx, group.in(unit), id)
  })
const NO_HEAD = { head: new Uint8Array(), headSignature: new Uint8Array() }
const queue = (group: TestGroup) =>
  testing.written((tx, { outbox }) => queueCommit(outbox, tx, group.number, { bundle: NO_HEAD }))
const history = (group: TestGroup) => testing.context.conversations.history(group.conversation)
const out = () => testing.outbox.items().map(({ item }) => `${item.group} ${item.what.case}`)

describe('an effect', () => {
  test('takes back the commit of this group that is not at the server, and nothing else', async () => {
    await queue(room)
    await queue(direct)
    await write(room)
    await act(room, 'withdraw-commit')
    expect(out()).toEqual([`${direct.number} commit`, `${room.number} content`])
  })

  test('leaves a commit that is on its way; a stream that begins does not send it again', async () => {
    await queue(room)
    testing.outbox.takeUnsent()
    await act(room, 'withdraw-commit')
    expect(out()).toEqual([`${room.number} commit`])
    await room.enter({ name: 'committing' })
    const begin = () =>
      testing.written((tx, { context, outbox }) => {
        outbox.restart(tx, clientSequenceOf(0n))
        dropWithdrawn(context, outbox, tx)
      })
    await begin()
    expect(out()).toEqual([`${room.number} commit`])
    await room.enter({ name: 'active' })
    await begin()
    expect(out()).toEqual([])
  })

  test('puts back what was sealed: it waits for another group, or in a room that is over fails', async () => {
    for (const group of [direct, room]) await write(group)
    await room.enter({ name: 'ended', why: 'removed' })
    await act(direct, 'put-back')
    await act(room, 'put-back')
    expect(out()).toEqual([])
    expect([history(direct)[0]?.state, history(room)[0]?.state]).toEqual(['waiting', 'failed'])
  })

  test('puts back what was sealed in a room that goes on in another group: it waits for that', async () => {
    await write(room)
    await room.enter({ name: 'ended', why: 'succeeded' })
    await act(room, 'put-back')
    expect([out(), history(room)[0]?.state]).toEqual([[], 'waiting'])
  })

  test('fails what waits to be sealed in a room, and nowhere else', async () => {
    for (const group of [direct, room]) await write(group, { waits: true })
    await act(direct, 'fail-texts')
    await act(room, 'fail-texts')
    expect([history(direct)[0]?.state, history(room)[0]?.state]).toEqual(['waiting', 'failed'])
    expect(waitingLines(testing.context)).toHaveLength(1)
  })

  test('asks to rejoin with a request that holds for this conversation, and notes when', async () => {
    await act(room, 'ask-to-rejoin')
    const [queued] = testing.outbox.items()
    if (queued?.item.what.case !== 'rejoin') throw new Error('no request')
    const request = readRejoinStatement(crypto, queued.item.what.value.request)!
    expect(request.deviceKey).toEqual(testing.context.account.device.publicKey)
    expect(rejoinFault(crypto, room.live.held, request)).toBeUndefined()
    expect(room.live.record).toMatchObject({
      ...{ rejoinAskedMs: BigInt(testing.clock.now()), rejoinEpoch: request.lastEpoch },
    })
  })

  test.each([
    [1n, [1n, 1n]],
    [16n, [1n, 1n]],
    // Such a request would not count any more: every other one takes the server at its word.
    [17n, [17n, 1n]],
  ])('asks to rejoin where it has heard of epoch %p, and once more', async (heardEpoch, asked) => {
    await room.change({ heardEpoch })
    const named: unknown[] = []
    for (const _ of asked) {
      await act(room, 'ask-to-rejoin')
      const queued = testing.outbox.items().at(-1)
      if (queued?.item.what.case !== 'rejoin') throw new Error('no request')
      named.push(readRejoinStatement(crypto, queued.item.what.value.request)?.lastEpoch)
      expect(room.live.record.rejoinEpoch).toBe(named.at(-1))
    }
    expect(named).toEqual(asked)
  })

  test('tells that the conversation is ready, that this account has left, and that somebody removed it', async () => {
    await act(room, 'tell-ready', 'tell-left', 'tell-removed')
    expect(testing.told).toMatchObject([
      { type: 'conversation', peer: '#tea', conversation: room.conversation, state: 'ready' },
      { type: 'message' },
      { type: 'message' },
    ])
    expect(history(room).map(saidIn)).toEqual(['you have left', 'carol removed you'])
    expect(history(room)).toMatchObject([{ sequence: 9n, sentAt: new Date(77) }, { sequence: 9n }])
    await act(direct, 'tell-removed')
    expect(history(direct)).toEqual([])
  })
})

describe('something that happens', () => {
  const happens = (group: TestGroup, input: GroupInput) =>
    testing.written((tx, unit) => move(unit.context, tx, group.in(unit), input))

  test('changes the phase, and all that follows from that is done here and now', async () => {
    await room.change({ lastSequence: sequenceOf(4n) })
    await write(room, { waits: true })
    await happens(room, { input: 'removed' })
    expect(room.live.phase).toEqual({ name: 'ended', why: 'removed' })
    expect(history(room)).toMatchObject([
      { state: 'failed' },
      { kind: 'event', sequence: 4n, sentAt: new Date(testing.clock.now()) },
    ])
  })

  test('that nobody expects changes nothing', async () => {
    const before = room.live.record
    await happens(room, { input: 'leave-sealed' })
    expect(room.live.record).toEqual(before)
    expect(testing.told).toEqual([])
  })
})
