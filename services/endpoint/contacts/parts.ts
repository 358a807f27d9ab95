import type { OwnAccount } from './account.js'
import type { AccountLists } from './account-lists.js'
import type { Contacts } from './contacts.js'
import type { OwnDevices } from './own-devices.js'
import type { WriterCertificates } from './writer-certificates.js'

/** The parts that this room has; each function names those that it uses. */
export interface ContactParts {
  readonly account: OwnAccount
  readonly certificates: WriterCertificates
  readonly contacts: Contacts
  readonly devices: OwnDevices
  readonly lists: AccountLists
}
