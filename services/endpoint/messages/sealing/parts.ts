import type { ContactParts } from '../../contacts/parts.js'
import type { GroupParts } from '../../groups/parts.js'
import type { Conversations } from '../../history/conversations.js'
import type { Outbox } from './outbox.js'

/** What this room has and is given; each function names what it uses of it. */
export type MessageParts = GroupParts &
  ContactParts & {
    readonly conversations: Conversations
    readonly outbox: Outbox
  }
