// An account leaves a group: it says so, and a device of somebody else commits it.

import { takeLeave } from '../../groups/self-removal.js'
import { transition } from '../../groups/transition.js'
import type { ContentType } from './content-type.js'

export const leave: ContentType<'leave'> = {
  owesReceipt: true,
  fromBlocked: true,
  putBack: (parts, tx, group) => void transition(parts, tx, group, { input: 'leave-put-back' }),
  moves: ({ isOurs }, { account }) => (isOurs && account ? { input: 'left-elsewhere' } : undefined),
  take: (parts, tx, { group, device }, value) => takeLeave(parts, tx, group, device, value),
}
