// An account has revoked one of its devices: every member may remove it.

import type { ContentType } from './content-type.js'
import { takeRevoked } from './revoked-devices.js'

export const revoked: ContentType<'revoked'> = {
  owesReceipt: true,
  fromBlocked: true,
  take: (parts, tx, { group }, { deviceRevocation }) => takeRevoked(parts, tx, group, deviceRevocation),
}
