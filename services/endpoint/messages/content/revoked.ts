// An account has ended devices of its own: every member may remove them.

import type { ContentType } from './content-type.js'
import { takeRevoked } from './ended-devices.js'

export const revoked: ContentType<'revoked'> = {
  owesReceipt: true,
  fromBlocked: true,
  take: (parts, tx, { group }, shown) => takeRevoked(parts, tx, group, shown),
}
