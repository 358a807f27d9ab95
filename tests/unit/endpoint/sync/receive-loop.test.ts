import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  AcceptedSchema,
  AccountChangedSchema,
  DeliverSchema,
  EnvelopeSchema,
  KeyPackagesLeftSchema,
  RejectedSchema,
  RejectedSendSchema,
} from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import type { LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import { beginCommit } from '../../../../services/endpoint/groups/transition.js'
import { messageNumber } from '../../../../services/endpoint/ids.js'
import type { RequestFrame } from '../../../../services/endpoint/line/frame-writer.js'
import { ReceiveLoop, type TakenIn } from '../../../../services/endpoint/sync/receive-loop.js'
import { loadServer } from '../../../../services/endpoint/sync/server-record.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { groupWithPerson } from '../../../support/endpoint-groups.js'

const CURSOR = Uint8Array.of(1, 2, 3)

let endpoint: TestContext
let group: LiveGroup
let receives: ReceiveLoop
/** The calls that were made, in their order. */
let done: string[]
let taken: TakenIn[]
let written: RequestFrame[]

beforeEach(async () => {
  endpoint = await openTestContext(makeAccount('alice'))
  group = await groupWithPerson(endpoint, makeAccount('bob'))
  done = []
  taken = []
  written = []
  receives = new ReceiveLoop({
    transaction: endpoint.transaction,
    write(frame) {
      written.push(frame)
      done.push(`${frame.case}, when the vault has ${Buffer.from(cursor()).toString('hex')}`)
    },
    presence: { take: async () => [{ clientSequence: 0n }] },
    sendLoop: {
      nudge: () => void done.push('nudge'),
      noteGiven: () => void done.push('note'),
      pause: ms => void done.push(`pause ${ms}`),
      receiptsSoon: () => void done.push('receipts'),
      sendNow: envelopes => void done.push(`answer ${envelopes.length}`),
    },
    introduce: async handles => void done.push(`introduce ${handles}`),
    onAccountChanged: handle => void done.push(`changed ${handle}`),
    onKeyPackagesLeft: ({ left }) => void done.push(`${left} left`),
    async onTakenIn(what) {
      taken.push(what)
      done.push('taken in')
    },
  })
})

const cursor = () => loadServer(endpoint.context.records)?.cursor ?? new Uint8Array()
const deliver = (envelopes: MessageInitShape<typeof EnvelopeSchema>[], at = CURSOR) =>
  receives.take({
    case: 'deliver',
    value: create(DeliverSchema, {
      envelopes: envelopes.map(envelope => create(EnvelopeSchema, envelope)),
      cursor: at,
    }),
  })
const garbage = (sequence: bigint): MessageInitShape<typeof EnvelopeSchema> => ({
  conversationId: group.record.conversationId,
  sequence,
  envelope: { case: 'application', value: { epoch: 1n, ciphertext: Uint8Array.of(1) } },
})
const shown = () => endpoint.context.conversations.history(group.record.conversation).map(({ kind }) => kind)

describe('a delivery', () => {
  test('is acked when what it brought is saved, and then looked at further', async () => {
    await deliver([garbage(1n)])
    expect(done).toEqual(['note', 'ack, when the vault has 010203', 'taken in', 'receipts', 'nudge'])
    expect(written).toEqual([{ case: 'ack', value: { cursor: CURSOR } }])
    expect(shown()).toEqual(['unreadable'])
  })

  test('that cannot be saved is not acked, and can be delivered again', async () => {
    endpoint.disk.fail({ reason: 'full' })
    await expect(deliver([garbage(1n)])).rejects.toMatchObject({ name: 'VaultError' })
    expect({ done, written, shown: shown() }).toEqual({ done: ['note'], written: [], shown: [] })
    endpoint.disk.mend()
    await deliver([garbage(1n)])
    expect(shown()).toEqual(['unreadable'])
    expect(written).toHaveLength(1)
  })

  test('without a cursor is not acked, and leaves that which is saved', async () => {
    await deliver([garbage(1n)])
    written.length = 0
    const ephemeral = { case: 'ephemeral', value: { epoch: 1n, ciphertext: new Uint8Array() } } as const
    await deliver([{ conversationId: group.record.conversationId, envelope: ephemeral }], new Uint8Array())
    expect(written).toEqual([])
    expect(cursor()).toEqual(CURSOR)
    expect(done).toContain('answer 1')
  })

  test('in which nothing changes a group says so', async () => {
    await deliver([garbage(1n)])
    expect(taken).toEqual([{ changed: [], isNew: false, met: [], hasWelcome: false, hasOtherList: false }])
  })

  test('with a welcome says so', async () => {
    const welcome = { case: 'welcome', value: { welcome: Uint8Array.of(1) } } as const
    await deliver([{ conversationId: new Uint8Array(16), sequence: 2n, envelope: welcome }])
    expect(taken).toMatchObject([{ hasWelcome: true, isNew: false }])
  })

  test('with a commit names the group that is in another epoch', async () => {
    const { engine } = endpoint.context
    const { pending } = await engine.commit(group.state, {})
    await endpoint.written((tx, { context, outbox }) => {
      const live = context.groups.get(group.number)!
      beginCommit(context, tx, live, { state: pending, held: undefined })
      outbox.add(tx, group.number, {
        case: 'commit',
        value: { $typeName: 'parley.vault.v1.OutboxCommit', commitBundle: new Uint8Array(), intents: [] },
      })
    })
    await deliver([
      {
        conversationId: group.record.conversationId,
        sequence: 3n,
        envelope: { case: 'own', value: { clientSequence: 1n } },
      },
    ])
    expect(taken).toMatchObject([{ changed: [group.number], isNew: false }])
  })
})

/** So many texts are sealed and on their way. */
const queue = (count: number) =>
  endpoint.written((tx, { outbox }) => {
    for (let message = 1n; message <= count; message++)
      outbox.add(tx, group.number, {
        case: 'content',
        value: {
          $typeName: 'parley.vault.v1.OutboxContent',
          ...{
            content: new Uint8Array(),
            ciphertext: new Uint8Array(),
            epoch: 1n,
            message: messageNumber(message),
          },
        },
      })
  })

test('what the server has accepted is noted', async () => {
  await queue(2)
  await receives.take({ case: 'accepted', value: create(AcceptedSchema, { clientSequence: 1n }) })
  expect(endpoint.outbox.items().map(({ accepted }) => accepted)).toEqual([true, false])
  expect(done).toEqual(['nudge'])
})

describe('a rejection', () => {
  const limited = (...waits: number[]) =>
    receives.take({
      case: 'rejected',
      value: create(RejectedSchema, {
        sends: waits.map((retryAfterMs, at) =>
          create(RejectedSendSchema, {
            clientSequence: BigInt(at + 1),
            reason: { case: 'rateLimited', value: { retryAfterMs } },
          }),
        ),
      }),
    })

  test('because of the rate has sending wait as long as the server wants at most', async () => {
    await queue(3)
    await limited(20, 500, 70)
    expect(done).toEqual(['note', 'pause 500', 'nudge'])
  })

  test('for another reason has nothing wait', async () => {
    await receives.take({ case: 'rejected', value: create(RejectedSchema, {}) })
    expect(done).toEqual(['note', 'nudge'])
  })
})

test('a hint that an account has changed is passed on', async () => {
  await receives.take({ case: 'accountChanged', value: create(AccountChangedSchema, { handle: 'bob' }) })
  expect(done).toEqual(['changed bob'])
})

test('so is one that key packages were used', async () => {
  await receives.take({ case: 'keyPackagesLeft', value: create(KeyPackagesLeftSchema, { left: 3 }) })
  expect(done).toEqual(['3 left'])
})

test('a frame that this version does not know changes nothing', async () => {
  await receives.take({ case: undefined })
  await receives.take({ case: 'caughtUp', value: { $typeName: 'parley.v1.CaughtUp' } })
  expect(done).toEqual([])
})
