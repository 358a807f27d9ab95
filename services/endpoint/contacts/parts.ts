import type { Account } from './account.js'
import type { Contacts } from './contacts.js'
import type { OwnDevices } from './own-devices.js'

/** What this room has; each function names what it uses of it. */
export interface ContactParts {
  readonly account: Account
  readonly contacts: Contacts
  readonly devices: OwnDevices
}
