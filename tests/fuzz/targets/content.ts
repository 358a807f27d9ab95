// The contents of members, sealed by a member with an altered program: every content, as the endpoint takes it in.

import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { LeaveStatementSchema, TextStatementSchema } from '../../../gen/parley/content/v1/chain_pb.js'
import { ContentSchema, HistoryMessageSchema } from '../../../gen/parley/content/v1/content_pb.js'
import { EnvelopeSchema } from '../../../gen/parley/v1/chat_pb.js'
import { makeAccount } from '../../../services/endpoint/contacts/account.js'
import { takeIn } from '../../../services/endpoint/messages/receive.js'
import { pad } from '../../../services/protocol/content/padding.js'
import { makeLeave } from '../../../services/protocol/conversation/chain/leave-statement.js'
import { makeTextStatement } from '../../../services/protocol/conversation/text-statement.js'
import { nodeCrypto } from '../../../services/protocol/node/crypto.js'
import { openTestContext } from '../../support/endpoint-context.js'
import { meet } from '../../support/endpoint-groups.js'
import { changedBytes, changedMessage } from '../mutation.js'
import type { Target } from '../target.js'

type ContentInit = Exclude<MessageInitShape<typeof ContentSchema>, { $typeName: string }>

const NESTED = {
  'SignedLeaveStatement.statement': LeaveStatementSchema,
  'SignedTextStatement.statement': TextStatementSchema,
}
/** Texts that anybody may read again: a text of the honest one stays as it is. */
const HONEST = 'an honest line'
/** When they were said, in ms since 1970. */
const AT_MS = 1_800_000_000_000

export const content: Target = {
  name: 'content',
  share: 3,
  async open() {
    const [alice, mallory] = [makeAccount('alice'), makeAccount('mallory')]
    const at = await openTestContext(alice)
    const from = await openTestContext(mallory)
    const [group, theirs] = await meet(at, from)
    const { engine } = from.context
    const { conversationId } = group.record
    const leave = makeLeave(nodeCrypto, { conversationId: group.held.state.id, added: 1, ...mallory })
    let { state } = theirs
    const signedText = (count: bigint) => {
      const place = { conversationId: group.held.state.id, groupId: conversationId, joinedEpoch: 1n, count }
      const writer = { accountKey: mallory.account.publicKey, device: mallory.device }
      return makeTextStatement(nodeCrypto, { ...place, sentAt: AT_MS, text: 'hello' }, writer)
    }
    let count = 0n
    const bodies = (deviceId: Uint8Array): ContentInit['body'][] => [
      { case: 'text', value: { signed: signedText(count) } },
      { case: 'receipt', value: { delivered: [{ deviceId, count: 1n }] } },
      { case: 'leave', value: { statement: leave } },
      { case: 'resendRequest', value: { deviceId, counts: [1n, 2n] } },
      { case: 'nothingToResend', value: { counts: [1n] } },
      { case: 'deviceName', value: { name: 'laptop' } },
      { case: 'historyGiven', value: { deviceId } },
      {
        case: 'historyPart',
        value: {
          conversationId: group.held.state.id,
          toDevice: deviceId,
          peerAccount: new Uint8Array(32).fill(7),
          peerHandle: 'bob',
          last: true,
          messages: [
            create(HistoryMessageSchema, {
              body: {
                case: 'hearsay',
                value: {
                  ...{ fromAccount: new Uint8Array(32).fill(7), fromHandle: 'bob', fromDevice: deviceId },
                  ...{ text: 'x', sentAtMs: 1n, sequence: 3n, toldBy: deviceId },
                },
              },
            }),
            create(HistoryMessageSchema, {
              body: {
                case: 'text',
                value: { text: signedText(count), certificate: mallory.certificate, sequence: 4n },
              },
            }),
          ],
        },
      },
    ]
    await at.written((tx, { context }) =>
      context.conversations.append(tx, group.record.conversation, { own: true, text: HONEST }),
    )
    return {
      async run(chance) {
        count++
        const message = create(ContentSchema, {
          count,
          joinedEpoch: 1n,
          sentAtMs: BigInt(AT_MS),
          body: chance.pick(bodies(chance.pick([alice, mallory])!.device.publicKey))!,
        })
        const plaintext = pad(encoded(chance, message))
        const sealed = await engine.seal(state, plaintext)
        state = sealed.state
        const envelope = create(EnvelopeSchema, {
          conversationId,
          sequence: count,
          storedAtMs: BigInt(Date.now()),
          envelope: { case: 'application', value: { epoch: 1n, ciphertext: sealed.ciphertext } },
        })
        await at.written((tx, { context, outbox }) => takeIn({ ...context, outbox }, tx, envelope))
      },
      check() {
        const [first] = at.context.conversations.history(group.record.conversation)
        if (first?.text !== HONEST) throw new Error('a line of the history has changed')
      },
    }
  },
}

function encoded(
  chance: Parameters<typeof changedBytes>[0],
  message: ReturnType<typeof create<typeof ContentSchema>>,
): Uint8Array {
  try {
    const bytes = toBinary(
      ContentSchema,
      changedMessage(chance, ContentSchema, { message, nested: NESTED }) as typeof message,
    )
    // More than a bucket holds cannot be padded.
    return bytes.length < 60_000 ? bytes : toBinary(ContentSchema, message)
  } catch {
    return changedBytes(chance, toBinary(ContentSchema, message)).subarray(0, 60_000)
  }
}
