// Text that a person writes.

import { MessageKind, MessageStatus } from '../../../../gen/parley/vault/v1/records_pb.js'
import { makeTextStatement } from '../../../protocol/conversation/text-statement.js'
import { TEXT_BYTES } from '../../../protocol/sizes.js'
import { Refusal } from '../../codes/refusal.js'
import { crypto } from '../../crypto.js'
import type { MessageId } from '../../events.js'
import { can } from '../../groups/state/group.js'
import { textOf } from '../../history/entry.js'
import type { ConversationNumber } from '../../ids.js'
import type { Transaction } from '../../vault/records.js'
import type { MessageParts } from '../sealing/parts.js'
import { waitFor } from '../sealing/unsent.js'
import { appendUnreadable } from '../system-message.js'
import type { ContentType } from './content-type.js'
import { wasHeard } from './say-again.js'
import { giveText, isWrittenHere, takeText } from './signed-text.js'

/** Throws Refusal for a text that is over the limit. */
export function checkText(text: string): void {
  const bytes = Buffer.byteLength(text)
  if (bytes > TEXT_BYTES) throw new Refusal({ code: 'text-too-long', bytes, limit: TEXT_BYTES })
}

/** Saves what a person of this side writes; it is sent as soon as it can be. */
export function writeText(
  parts: Pick<MessageParts, 'account' | 'clock' | 'conversations'>,
  tx: Transaction,
  conversation: ConversationNumber,
  written: string,
): MessageId {
  const { id } = parts.conversations.append(tx, conversation, {
    kind: MessageKind.TEXT,
    fromAccount: parts.account.account.publicKey,
    fromHandle: parts.account.handle,
    fromDevice: parts.account.device.publicKey,
    own: true,
    text: written,
    sentAtMs: BigInt(parts.clock.now()),
    status: MessageStatus.WAITING,
  })
  waitFor(tx, id)
  return id
}

export const text: ContentType<'text'> = {
  owesReceipt: true,
  fromBlocked: false,
  line: {
    kind: MessageKind.TEXT,
    saidAgain: true,
    sign: (line, place, writer) =>
      makeTextStatement(crypto, { ...place, sentAt: Number(line.sentAtMs), text: textOf(line) }, writer),
    body: ({ statement, signature }) => ({ case: 'text', value: { signed: { statement, signature } } }),
    handedOver: { give: giveText, take: takeText },
  },
  take(parts, tx, received, { signed }) {
    const { group, envelope, content, handle, accountKey, device, certificate, isOurs } = received
    if (!can(group.phase, 'show')) return
    if (!signed || !isWrittenHere(received, signed))
      return appendUnreadable(parts, tx, group, envelope, { code: 'bad-content', from: accountKey })
    const { statement, signature } = signed
    if (wasHeard(parts, received, statement)) return
    parts.certificates.keep(tx, device, certificate)
    parts.conversations.append(tx, group.record.conversation, {
      kind: MessageKind.TEXT,
      fromAccount: accountKey,
      fromHandle: handle,
      fromDevice: device,
      own: isOurs,
      ...{ statement, signature },
      sentAtMs: content.sentAtMs,
      status: isOurs ? MessageStatus.STORED : MessageStatus.RECEIVED,
      sequence: envelope.sequence,
    })
  },
}
