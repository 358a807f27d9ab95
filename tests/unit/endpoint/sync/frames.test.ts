import { create, toBinary } from '@bufbuild/protobuf'
import { beforeEach, expect, test } from '@jest/globals'
import { CommitBundleSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { SignedRejoinStatementSchema } from '../../../../gen/parley/v1/rejoin_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import type { LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import { messageNumber } from '../../../../services/endpoint/ids.js'
import type { OutboxItem } from '../../../../services/endpoint/messages/sealing/outbox.js'
import { framesOf } from '../../../../services/endpoint/sync/frames.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { groupWithPerson } from '../../../support/endpoint-groups.js'

let endpoint: TestContext
let group: LiveGroup

beforeEach(async () => {
  endpoint = await openTestContext(makeAccount('alice'))
  group = await groupWithPerson(endpoint, makeAccount('bob'))
})

/** Queues one of each, and takes what is to be sent. */
async function queued(...whats: OutboxItem['what'][]) {
  await endpoint.written((tx, { outbox }) => {
    for (const what of whats) outbox.add(tx, group.number, what)
  })
  return endpoint.outbox.items()
}
const text = (bytes: number): OutboxItem['what'] => ({
  case: 'content',
  value: {
    $typeName: 'parley.vault.v1.OutboxContent',
    content: new Uint8Array(),
    ciphertext: new Uint8Array(bytes),
    epoch: 3n,
    message: messageNumber(0n),
  },
})
const sizes = (frames: readonly (readonly unknown[])[]) => frames.map(frame => frame.length)

test('each kind of what is queued is the envelope that the contract has for it', async () => {
  const commitBundle = toBinary(CommitBundleSchema, create(CommitBundleSchema, { epoch: 7n }))
  const request = toBinary(
    SignedRejoinStatementSchema,
    create(SignedRejoinStatementSchema, { statement: Uint8Array.of(1) }),
  )
  const frames = framesOf(
    endpoint.context.groups,
    await queued(
      text(5),
      { case: 'commit', value: { $typeName: 'parley.vault.v1.OutboxCommit', commitBundle, intents: [] } },
      { case: 'rejoin', value: { $typeName: 'parley.vault.v1.OutboxRejoin', request } },
    ),
    128,
  )
  const { conversationId } = group.record
  expect(frames).toMatchObject([
    [
      {
        clientSequence: 1n,
        conversationId,
        envelope: { case: 'application', value: { epoch: 3n, ciphertext: new Uint8Array(5) } },
      },
      { clientSequence: 2n, conversationId, envelope: { case: 'commit', value: { epoch: 7n } } },
      {
        clientSequence: 3n,
        conversationId,
        envelope: { case: 'rejoin', value: { statement: Uint8Array.of(1) } },
      },
    ],
  ])
})

test('a frame has no more envelopes than the server takes', async () => {
  const frames = framesOf(
    endpoint.context.groups,
    await queued(...Array.from({ length: 7 }, () => text(1))),
    3,
  )
  expect(sizes(frames)).toEqual([3, 3, 1])
  expect(frames.flat().map(({ clientSequence }) => clientSequence)).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n])
})

test('a frame has no more than a mebibyte, but for one envelope that is larger', async () => {
  const half = 512 * 1024
  const items = await queued(text(half), text(half), text(1), text(3 * half), text(1))
  expect(sizes(framesOf(endpoint.context.groups, items, 128))).toEqual([2, 1, 1, 1])
})

test('there is no frame for nothing', () => {
  expect(framesOf(endpoint.context.groups, [], 128)).toEqual([])
})
