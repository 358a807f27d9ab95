// A device does not have what it was asked to say again: it is not waited for any more.

import { forget, owedUpTo } from '../missing.js'
import type { ContentType } from './content-type.js'

export const nothingToResend: ContentType<'nothingToResend'> = {
  owesReceipt: true,
  fromBlocked: true,
  take({ groups }, _, batch, { group, known, isOurs }, { counts }) {
    forget(known, counts)
    if (!isOurs) known.sender.owed = owedUpTo(known, known.sender.received)
    groups.saveSender(batch, group, known)
  },
}
