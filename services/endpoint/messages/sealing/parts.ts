import type { ContactParts } from '../../contacts/parts.js'
import type { GroupParts } from '../../groups/parts.js'
import type { Conversations } from '../../history/conversations.js'
import type { GroupNumber } from '../../ids.js'
import type { LineTypes } from './line-types.js'
import type { Outbox } from './outbox.js'
import type { OtherList } from './peer-list.js'

/** The parts that this room has and is given; each function names those that it uses. */
export type MessageParts = GroupParts &
  ContactParts & {
    readonly conversations: Conversations
    readonly outbox: Outbox
    /** The types of line that people write. */
    readonly lines: LineTypes
    /** Those whom nobody has let in wait, or do not. */
    readonly requests: 'accept' | 'hold'
    /** The groups in which this device has something to do by itself. */
    /** Facts of this run alone. */
    readonly session: { otherLists: OtherList[] }
    readonly due: { all(): readonly { readonly group: GroupNumber; readonly outOfSync: boolean }[] }
  }
