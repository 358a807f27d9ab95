// An account leaves a room: it says so, and a device of somebody else commits it.

import { leaveBy, takeLeave } from '../../groups/self-removal.js'
import { transition } from '../../groups/transition.js'
import type { ContentType } from './content-type.js'

export const leave: ContentType<'leave'> = {
  owesReceipt: true,
  fromBlocked: true,
  putBack: (parts, tx, group) => void transition(parts, tx, group, { input: 'leave-put-back' }),
  moves: ({ group, accountKey, isOurs }, { statement }) =>
    isOurs && leaveBy(group, accountKey, statement) ? { input: 'left-elsewhere' } : undefined,
  take: (parts, tx, { group, accountKey }, { statement }) => {
    const leave = leaveBy(group, accountKey, statement)
    if (leave) takeLeave(parts, tx, group, leave)
  },
}
