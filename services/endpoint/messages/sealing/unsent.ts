// Lines that are written and not sealed yet.

import { MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import type { SendFailure } from '../../codes/send-failure.js'
import type { MessageId } from '../../events.js'
import type { ConversationNumber } from '../../ids.js'
import { at, type Transaction } from '../../vault/records.js'
import type { MessageParts } from './parts.js'

/** In the order they were typed. */
export function waitingLines({ records }: Pick<MessageParts, 'records'>): MessageId[] {
  return records
    .list('waiting')
    .map(({ key, record }) => ({ conversation: record.conversation, message: key.id }))
}

/** It is to be sealed as soon as that can be. */
export function waitFor(tx: Transaction, { conversation, message }: MessageId): void {
  tx.put('waiting', at(message), { conversation })
}

/** It is sealed, or never will be. */
export function waitNoMore(tx: Transaction, { message }: MessageId): void {
  tx.delete('waiting', at(message))
}

/** Those of this conversation never go out, and say why. */
export function failWaiting(
  parts: Pick<MessageParts, 'conversations'>,
  tx: Transaction,
  conversation: ConversationNumber,
  failure: SendFailure,
): void {
  for (const id of waitingLines({ records: tx })) {
    if (id.conversation !== conversation) continue
    waitNoMore(tx, id)
    parts.conversations.update(tx, id, { status: MessageStatus.FAILED, failure })
  }
}
