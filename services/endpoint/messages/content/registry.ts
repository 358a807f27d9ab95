// All types of content. Nothing but this file knows the list.

import type { GroupInput } from '../../groups/state/transitions.js'
import type { Transaction } from '../../vault/records.js'
import { LineTypes } from '../sealing/line-types.js'
import type { MessageParts } from '../sealing/parts.js'
import { admitted } from './admitted.js'
import type { ContentCase, ContentTraits, ContentType, Received, ValueOf } from './content-type.js'
import { deviceName } from './device-name.js'
import { historyGiven } from './history-given.js'
import { historyPart } from './history-part.js'
import { leave } from './leave.js'
import { nothingToResend } from './nothing-to-resend.js'
import { receipt } from './receipt.js'
import { resendRequest } from './resend-request.js'
import { text } from './text.js'

const CONTENT_TYPES: { readonly [C in ContentCase]: ContentType<C> } = {
  text,
  receipt,
  resendRequest,
  nothingToResend,
  leave,
  deviceName,
  historyPart,
  historyGiven,
  admitted,
}

/** Those that people write. */
export const LINE_TYPES = new LineTypes(Object.values(CONTENT_TYPES).flatMap(({ line }) => line ?? []))

/** The traits of a type; undefined for one that a newer version has sent. */
export const traitsOf = (name: ContentCase | undefined): ContentTraits | undefined =>
  name && CONTENT_TYPES[name]

/** The input that a content is to the group. */
export const inputOf = <C extends ContentCase>(
  received: Received,
  { case: name, value }: { case: C; value: ValueOf<C> },
): GroupInput | undefined => CONTENT_TYPES[name].moves?.(received, value)

/** Does what a content asks for. */
export async function takeBody<C extends ContentCase>(
  parts: MessageParts,
  tx: Transaction,
  received: Received,
  { case: name, value }: { case: C; value: ValueOf<C> },
): Promise<void> {
  await CONTENT_TYPES[name].take(parts, tx, received, value)
}
