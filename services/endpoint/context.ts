// The state that the parts of an endpoint share.

import type { OwnAccount } from './contacts/account.js'
import type { AccountLists } from './contacts/account-lists.js'
import type { Contacts } from './contacts/contacts.js'
import type { OwnDevices } from './contacts/own-devices.js'
import type { WriterCertificates } from './contacts/writer-certificates.js'
import type { IntentList } from './groups/intent-list.js'
import type { DueGroups } from './groups/state/due.js'
import type { Groups } from './groups/state/groups.js'
import type { Conversations } from './history/conversations.js'
import type { Recents } from './history/recents.js'
import type { RequestPolicy } from './messages/requests.js'
import type { LineTypes } from './messages/sealing/line-types.js'
import type { Outbox } from './messages/sealing/outbox.js'
import type { OtherList } from './messages/sealing/peer-list.js'
import type { Engine } from './mls/engine.js'
import type { WelcomeOpener } from './mls/welcome-opener.js'
import type { Clock, Random } from './ports.js'
import type { Reader, Transaction } from './vault/records.js'

export interface Context {
  readonly account: OwnAccount
  records: Reader
  engine: Engine
  welcomes: WelcomeOpener
  clock: Clock
  random: Random
  groups: Groups
  /** The groups in which this device has something to do by itself. */
  due: DueGroups
  intents: IntentList
  conversations: Conversations
  /** The types of line that people write. */
  lines: LineTypes
  /** Those in use. */
  recents: Recents
  contacts: Contacts
  /** Of the devices that have written something here. */
  certificates: WriterCertificates
  devices: OwnDevices
  /** The devices of all accounts. */
  lists: AccountLists
  outbox: Outbox
  /** Those whom nobody has let in wait, or do not. */
  requests: RequestPolicy
  /** Facts of this run alone. */
  session: Session
}

interface Session {
  /** The words were given: this device signs a list that names it, once a person has seen the others, or at once. */
  joins: 'when-confirmed' | 'at-once' | undefined
  /** Lists of this account that others know and this device does not, until the server has been asked. */
  otherLists: OtherList[]
}

/** The means of a unit of work: it reads with them, its own changes among it, and makes its changes. */
export interface Unit {
  readonly context: Context
  readonly outbox: Outbox
  readonly tx: Transaction
}

/**
 * Runs one unit of work after the other: everything that changes state, one input at a time. Its changes are saved
 * at once, and where it throws nothing is changed (vault/records.ts). A unit must not wait for another one.
 */
export type RunTransaction = <T>(work: (unit: Unit) => Promise<T> | T) => Promise<T>
