import { create, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  ApplicationEnvelopeSchema,
  CommitBundleSchema,
  type Envelope,
  RosterLeaveSchema,
} from '../../../../gen/parley/v1/chat_pb.js'
import { SignedRejoinStatementSchema } from '../../../../gen/parley/v1/rejoin_pb.js'
import {
  applicationContent,
  type Content,
  commitContent,
  contentOf,
  envelopeFor,
  KINDS,
  type LogRecord,
  leaveContent,
  missedEnvelope,
  payloadBytes,
  recordSize,
  rejoinContent,
  successorContent,
} from '../../../../services/server/store/log-record.js'
import { statementInit } from '../../../support/rejoin-statements.js'
import { bytesOf } from '../../../support/store-world.js'
import { bundle, CONVERSATION_ID, conversation, device, idOf, send } from './people.js'

const SENDER = 0

function recordOf(content: Content, sequence = 20): LogRecord {
  return {
    ...{
      sequence,
      shown: 100 + sequence,
      conversation: 1,
      sender: SENDER,
      clientSequence: 7,
      storedAt: 1_000,
    },
    size: recordSize(content.payload.length),
    body: content.body,
  }
}

const text = (epoch = 3n) =>
  applicationContent(create(ApplicationEnvelopeSchema, { epoch, ciphertext: bytesOf('text') }))
const commit = (init: Parameters<typeof bundle>[0]) =>
  commitContent(toBinary(CommitBundleSchema, bundle(init)))
const rejoin = () =>
  rejoinContent(create(SignedRejoinStatementSchema, statementInit({ deviceKey: idOf(0) })), 3)

const shown = (key: number, record: LogRecord, of = conversation([0, 1, 2])): Envelope =>
  envelopeFor(device(key), of, record)

describe('what is kept', () => {
  test('comes back as it was', () => {
    const epochs = fc.bigInt({ min: 0n, max: 2n ** 50n })
    fc.assert(
      fc.property(epochs, fc.uint8Array({ maxLength: 50 }), (epoch, ciphertext) => {
        const written = applicationContent(create(ApplicationEnvelopeSchema, { epoch, ciphertext }))
        expect(contentOf(KINDS.application, written.epoch, written.payload)).toEqual(written)
      }),
    )
    const added = commit({ added: [2], removed: [1] })
    expect(contentOf(KINDS.commit, added.epoch, added.payload)).toEqual(added)
    expect(contentOf(KINDS.rejoin, 3, rejoin().payload)).toEqual(rejoin())
    const left = leaveContent(create(RosterLeaveSchema, { nonce: bytesOf('n'), epoch: 7n }), 9)
    expect(contentOf(KINDS.leave, 9, left.payload)).toEqual(left)
  })

  test('is counted near enough before it is encoded', () => {
    const value = bundle({ added: [2, 3] })
    const outgoing = send({ case: 'commit', value })
    const encoded = toBinary(CommitBundleSchema, value).length
    expect(payloadBytes(outgoing)).toBeLessThan(encoded)
    expect(payloadBytes(outgoing)).toBeGreaterThan(encoded / 4)
    expect(payloadBytes(send({ case: undefined }))).toBe(0)
    const text = create(ApplicationEnvelopeSchema, { ciphertext: new Uint8Array(77) })
    expect(payloadBytes(send({ case: 'application', value: text }))).toBe(77)
    // An envelope costs something by itself.
    expect(recordSize(77)).toBeGreaterThan(77)
  })
})

describe('what a device is shown', () => {
  test('of its own record is that it stands here', () => {
    for (const content of [text(), commit({ added: [2] }), rejoin()])
      expect(shown(SENDER, recordOf(content))).toMatchObject({
        conversationId: CONVERSATION_ID,
        sequence: 120n,
        storedAtMs: 1_000n,
        envelope: { case: 'own', value: { clientSequence: 7n } },
      })
  })

  test("of another's is the content, made once for all", () => {
    const record = recordOf(text())
    const envelope = shown(1, record)
    expect(envelope.envelope).toMatchObject({ case: 'application', value: { epoch: 3n } })
    expect(shown(2, record)).toBe(envelope)
    expect(shown(1, recordOf(rejoin())).envelope.case).toBe('rejoin')
  })

  test('of a commit is the commit without welcomes, or its own welcome where it was added', () => {
    const welcomes = [[2], [3]]
    const content = commit({ epoch: 4n, added: [2, 3], removed: [5], welcomes })
    const record = recordOf(content, 10)
    // All joined with the record 10, but for 1, which was there before.
    const of = conversation([0, 1, 2, 3], {
      spans: new Map(
        [0, 1, 2, 3].map(key => [
          key,
          [{ joined: key === 1 ? 4 : 10, joinedEpoch: 1, left: undefined, leftShown: 0 }],
        ]),
      ),
    })
    const { envelope: old } = shown(1, record, of)
    expect(old).toMatchObject({
      case: 'commit',
      value: { epoch: 4n, rosterChange: { addedDeviceIds: [idOf(2), idOf(3)], removedDeviceIds: [idOf(5)] } },
    })
    expect(JSON.stringify(Object.keys(old.value ?? {}))).not.toMatch('welcome')
    expect(
      shown(2, recordOf(commit({ epoch: 4n, added: [2, 3], welcomes: [[3, 2]] }), 10), of).envelope,
    ).toMatchObject({ case: 'welcome', value: { welcome: bytesOf('welcome') } })
    // A device that comes back reads others' commits as a member, but the one that added it.
    const back = conversation([0, 1], {
      spans: new Map([
        [
          1,
          [
            { joined: 4, joinedEpoch: 1, left: 6, leftShown: 106 },
            { joined: 10, joinedEpoch: 1, left: undefined, leftShown: 0 },
          ],
        ],
      ]),
    })
    expect(shown(1, record, back).envelope.case).toBe('welcome')
    expect(shown(1, recordOf(content, 5), back).envelope.case).toBe('commit')
    expect(shown(1, recordOf(text(), 10), back).envelope.case).toBe('application')
    expect(shown(3, record, of).envelope).toMatchObject({
      case: 'welcome',
      value: { epoch: 5n, welcome: bytesOf('welcome') },
    })
  })

  test('of a successor is the same for all, its sender too; a commit and a welcome come with their head', () => {
    const successor = {
      conversationId: bytesOf('new', 16),
      head: bytesOf('head'),
      headSignature: bytesOf('sig'),
    }
    const content = successorContent(successor, 3)
    expect(contentOf(KINDS.successor, 3, content.payload)).toEqual(content)
    for (const key of [SENDER, 1])
      expect(shown(key, recordOf(content)).envelope).toMatchObject({ case: 'successor', value: successor })
    const { head, headSignature } = successor
    const value = { ...bundle({ epoch: 4n, added: [2] }), head, headSignature }
    const record = recordOf(commitContent(toBinary(CommitBundleSchema, value)), 10)
    const spans = new Map([[2, [{ joined: 10, joinedEpoch: 5, left: undefined, leftShown: 0 }]]])
    expect(shown(2, record, conversation([0, 2], { spans })).envelope.value).toMatchObject({
      head,
      headSignature,
    })
    expect(shown(1, record).envelope.value).toMatchObject({ head, headSignature })
  })

  test('of what was deleted is how many, at least one', () => {
    const count = (missed: number) =>
      missedEnvelope(conversation([0]), { shown: 9, count: missed }).envelope.value
    expect(count(3)).toMatchObject({ count: 3n })
    expect(count(0)).toMatchObject({ count: 1n })
  })
})
