// The MLS groups of lines and conversations, which a vault has and a person is not shown.

import { fromBinary } from '@bufbuild/protobuf'
import { TextStatementSchema } from '../../gen/parley/content/v1/chain_pb.js'
import type { HistoryEntry } from '../../services/endpoint/events.js'
import type { ConversationNumber } from '../../services/endpoint/ids.js'
import type { Reader } from '../../services/endpoint/vault/records.js'
import { toHex } from '../../services/protocol/bytes.js'

/** The group that a text was sealed in, as its writer signed it. */
export function groupOf(
  records: Reader,
  { id, kind }: Pick<HistoryEntry, 'id' | 'kind'>,
): { group?: string } {
  if (kind !== 'text') return {}
  const { statement = new Uint8Array() } =
    records.get('messages', { group: id.conversation, id: id.message }) ?? {}
  return statement.length > 0 ? { group: toHex(fromBinary(TextStatementSchema, statement).groupId) } : {}
}

/** Those of a conversation in which this device was. */
export const groupsOf = (records: Reader, number: ConversationNumber): string[] =>
  records
    .list('groups')
    .filter(({ record }) => record.conversation === number)
    .map(({ record }) => toHex(record.conversationId))
