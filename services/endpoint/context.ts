// What the parts of an endpoint share. Everything that changes state runs in `queue`, one input at a time:
// so no two sends are ever made from one ratchet state, and what is saved is what is sent.

import type { Account } from './contacts/account.js'
import type { Contacts } from './contacts/contacts.js'
import type { OwnDevices } from './contacts/own-devices.js'
import type { Groups } from './groups/groups.js'
import type { IntentList } from './groups/intent-list.js'
import type { Conversations } from './history/conversations.js'
import type { Engine } from './mls/engine.js'
import type { WelcomeOpener } from './mls/welcome-opener.js'
import type { Clock, Random } from './ports.js'
import type { Records } from './vault/records.js'

export interface Context {
  account: Account
  records: Records
  engine: Engine
  welcomes: WelcomeOpener
  clock: Clock
  random: Random
  groups: Groups
  intents: IntentList
  conversations: Conversations
  contacts: Contacts
  devices: OwnDevices
  /** The account was restored from its words, and nobody has told yet whether the server knows it. */
  isUnconfirmed?: boolean
}

/** Runs tasks one after the other; one that fails does not stop the next. */
export interface SerialQueue {
  run<T>(task: () => Promise<T> | T): Promise<T>
  /** Resolves when everything that was given so far has run. */
  idle(): Promise<void>
}

/** `onFailure` runs before the next task, where one has thrown. */
export function serialQueue(onFailure: () => void): SerialQueue {
  let last: Promise<unknown> = Promise.resolve()
  return {
    run(task) {
      const result = last.then(task).catch(error => {
        onFailure()
        throw error
      })
      last = result.catch(() => undefined)
      return result
    },
    idle: async () => {
      await last
    },
  }
}
