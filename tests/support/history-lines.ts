// Lines of a history as somebody hands them over: with the signature of their writer's device, or as hearsay.

import { create } from '@bufbuild/protobuf'
import { HistoryLineSchema } from '../../gen/parley/content/v1/chain_pb.js'
import {
  HearsaySchema,
  type HistoryMessage,
  HistoryMessageSchema,
} from '../../gen/parley/content/v1/content_pb.js'
import type { OwnAccount } from '../../services/endpoint/contacts/account.js'
import { makeTextStatement, textIn } from '../../services/protocol/conversation/text-statement.js'
import { nodeCrypto } from '../../services/protocol/node/crypto.js'

interface HandedText {
  text: string
  from: OwnAccount
  sentAtMs: bigint
  sequence: bigint
}

/** Signed by the device of `from`, as a text of the conversation with this id. */
export function signedLine(
  conversationId: Uint8Array,
  { text, from, sentAtMs, sequence }: HandedText,
): HistoryMessage {
  const place = { conversationId, groupId: new Uint8Array(16), count: sequence || 1n, joinedEpoch: 1n }
  const writer = { accountKey: from.account.publicKey, device: from.device }
  const statement = { ...place, sentAt: Number(sentAtMs), text }
  const line = {
    text: makeTextStatement(nodeCrypto, statement, writer),
    certificate: from.certificate,
    sequence,
  }
  return create(HistoryMessageSchema, { body: { case: 'text', value: create(HistoryLineSchema, line) } })
}

/** `change`: in place of what an honest device tells. */
export function hearsay(
  { from, ...told }: HandedText,
  change: {
    fromAccount?: Uint8Array
    fromHandle?: string
    fromDevice?: Uint8Array
    toldBy?: Uint8Array
  } = {},
): HistoryMessage {
  const writer = {
    fromAccount: from.account.publicKey,
    fromHandle: from.handle,
    fromDevice: from.device.publicKey,
  }
  const value = create(HearsaySchema, { ...writer, ...told, ...change })
  return create(HistoryMessageSchema, { body: { case: 'hearsay', value } })
}

/** The words of a line that is handed over. */
export function textOf({ body }: HistoryMessage): string {
  if (body.case === 'hearsay') return body.value.text
  return body.case === 'text' ? textIn(body.value.text?.statement ?? new Uint8Array()) : ''
}
