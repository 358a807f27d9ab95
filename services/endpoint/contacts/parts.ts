import type { Account } from './account.js'
import type { Contacts } from './contacts.js'
import type { OwnDevices } from './own-devices.js'

/** The parts that this room has; each function names those that it uses. */
export interface ContactParts {
  readonly account: Account
  readonly contacts: Contacts
  readonly devices: OwnDevices
}
