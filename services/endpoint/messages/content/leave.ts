// An account leaves a group: it says so, and a device of somebody else commits it.

import { takeLeave } from '../../groups/self-removal.js'
import { transition } from '../../groups/transition.js'
import type { ContentType } from './content-type.js'

export const leave: ContentType<'leave'> = {
  owesReceipt: true,
  fromBlocked: true,
  putBack: (parts, batch, { group }) => void transition(parts, batch, group, { input: 'leave-put-back' }),
  moves: ({ isOurs }, { account }) => (isOurs && account ? { input: 'left-elsewhere' } : undefined),
  take: (parts, batch, { group, device }, value) => takeLeave(parts, batch, group, device, value),
}
