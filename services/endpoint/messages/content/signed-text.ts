// A text with its writer's signature: where it comes by itself, and where it is handed over; and one that somebody tells.

import { create } from '@bufbuild/protobuf'
import {
  HistoryLineSchema,
  type SignedTextStatement,
  SignedTextStatementSchema,
} from '../../../../gen/parley/content/v1/chain_pb.js'
import { type Hearsay, HearsaySchema } from '../../../../gen/parley/content/v1/content_pb.js'
import { equalBytes } from '../../../protocol/bytes.js'
import { readHistoryLine, readTextStatement } from '../../../protocol/conversation/text-statement.js'
import { isHandle } from '../../../protocol/identity/handle.js'
import {
  type AccountKey,
  accountKey as toAccountKey,
  deviceKey as toDeviceKey,
} from '../../../protocol/keys.js'
import { KEY_BYTES, TEXT_BYTES } from '../../../protocol/sizes.js'
import { crypto } from '../../crypto.js'
import { textOf } from '../../history/entry.js'
import type { HistoryBody, Line, TakenFields } from '../sealing/line-types.js'
import type { Received } from './content-type.js'

/** Whether its device has signed it for this place: so it can be handed over as its words, and as those of nobody else. */
export function isWrittenHere(
  { group, content, accountKey, device }: Received,
  signed: Pick<SignedTextStatement, 'statement' | 'signature'>,
): boolean {
  const place = { accountKey, deviceKey: device, conversationId: group.held.state.id }
  const written = readTextStatement(crypto, place, signed)
  return (
    written !== undefined &&
    equalBytes(written.groupId, group.record.conversationId) &&
    written.count === (content.resentCount || content.count) &&
    written.joinedEpoch === content.joinedEpoch &&
    written.sentAt === Number(content.sentAtMs)
  )
}

/** `certificate`: of the writer's device, where that is known. */
export function giveText(line: Line, certificate: Uint8Array | undefined): HistoryBody {
  const { statement, signature, sequence, fromAccount, fromHandle, fromDevice, sentAtMs, toldBy } = line
  if (statement.length > 0 && certificate) {
    const text = create(SignedTextStatementSchema, { statement, signature })
    return { case: 'text', value: create(HistoryLineSchema, { text, certificate, sequence }) }
  }
  const told = { fromAccount, fromHandle, fromDevice, sentAtMs, sequence, text: textOf(line), toldBy }
  return { case: 'hearsay', value: create(HearsaySchema, told) }
}

export function takeText(body: HistoryBody, conversationId: Uint8Array): TakenFields | undefined {
  if (body.case === 'hearsay') return takeHearsay(body.value)
  if (body.case !== 'text' || !body.value.text) return undefined
  const line = readHistoryLine(crypto, conversationId, body.value)
  if (!line) return undefined
  const { writer, sentAt, sequence } = line
  const { certificate, text } = body.value
  const { statement, signature } = text!
  return { writer, certificate, sentAtMs: BigInt(sentAt), sequence, fields: { statement, signature } }
}

function takeHearsay(told: Hearsay): TakenFields | undefined {
  const { fromHandle: handle, fromDevice, sentAtMs, sequence, text } = told
  const accountKey = keyIn(told.fromAccount)
  const toldBy = keyIn(told.toldBy)
  if (!accountKey || !isHandle(handle) || fromDevice.length !== KEY_BYTES) return undefined
  if (Buffer.byteLength(text) > TEXT_BYTES) return undefined
  const writer = { accountKey, handle, deviceKey: toDeviceKey(fromDevice) }
  return { writer, ...(toldBy && { toldBy }), sentAtMs, sequence, fields: { text } }
}

/** Somebody else's bytes as an account's key; undefined for what is none. */
const keyIn = (bytes: Uint8Array): AccountKey | undefined =>
  bytes.length === KEY_BYTES ? toAccountKey(bytes) : undefined
