// A device leaves a group, or its whole account does: another one commits that.

import { noteLeft, takeLeave } from '../../groups/self-removal.js'
import type { ContentType } from './content-type.js'

export const leave: ContentType<'leave'> = {
  owesReceipt: true,
  fromBlocked: true,
  putBack({ groups }, batch, { group }) {
    group.record.leaveDue = true
    groups.save(batch, group)
  },
  take(context, _, batch, { group, envelope, device, isOurs }, value) {
    if (isOurs && value.account) noteLeft(context, batch, group, envelope)
    takeLeave(context, batch, group, device, value)
  },
}
