// A device does not have what it was asked to say again: it is not waited for any more.

import { countOf } from '../../ids.js'
import { owedUpTo, withoutMissing } from '../missing.js'
import type { ContentType } from './content-type.js'

export const nothingToResend: ContentType<'nothingToResend'> = {
  owesReceipt: true,
  fromBlocked: true,
  take({ groups }, tx, { group, device, isOurs }, { counts }) {
    const sender = withoutMissing(group.sender(device), counts.map(countOf))
    const { received, owed } = sender
    groups.saveSender(tx, group, { ...sender, owed: isOurs ? owed : owedUpTo(sender, received) })
  },
}
