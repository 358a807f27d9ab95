// The stores of an endpoint, put together: as they are saved, and as a unit of work sees and changes them.

import { loadAccount, type OwnAccount } from './contacts/account.js'
import { AccountLists } from './contacts/account-lists.js'
import { Contacts } from './contacts/contacts.js'
import { OwnDevices } from './contacts/own-devices.js'
import { WriterCertificates } from './contacts/writer-certificates.js'
import type { Context, RunTransaction } from './context.js'
import { IntentList } from './groups/intent-list.js'
import { DueGroups } from './groups/state/due.js'
import { GroupStates, Groups } from './groups/state/groups.js'
import { Conversations } from './history/conversations.js'
import { FiledNames } from './history/filed-names.js'
import { Places } from './history/places.js'
import { Recents } from './history/recents.js'
import { LINE_TYPES } from './messages/content/registry.js'
import { Outbox, OutboxProgress } from './messages/sealing/outbox.js'
import type { Reader, Records } from './vault/records.js'

export interface Stores {
  /** The saved state. */
  context: Context
  outbox: Outbox
  transaction: RunTransaction
}

export function openStores(
  records: Records,
  parts: Pick<Context, 'engine' | 'welcomes' | 'clock' | 'random' | 'requests'>,
): Stores {
  const { engine, clock } = parts
  const states = new GroupStates(engine)
  const filed = new FiledNames()
  const places = new Places()
  const progress = new OutboxProgress()
  const learned = { times: 0 }
  const session: Context['session'] = { joins: undefined, otherLists: [] }
  const on = (
    reader: Reader,
    groups = new Groups(reader, engine, states),
    recents = new Recents(reader, clock),
    contacts = new Contacts(reader, clock),
  ): Context => ({
    ...parts,
    // Every part but the first start runs where there is one.
    get account() {
      return loadAccount(reader) as OwnAccount
    },
    records: reader,
    groups,
    due: new DueGroups(reader, { ...parts, groups }),
    intents: new IntentList(reader),
    conversations: new Conversations(reader, clock, { filed, places, recents, names: contacts }),
    lines: LINE_TYPES,
    recents,
    contacts,
    certificates: new WriterCertificates(reader),
    devices: new OwnDevices(reader),
    lists: new AccountLists(reader, clock, learned),
    outbox: new Outbox(reader, progress),
    session,
  })
  const context = on(records)
  return {
    context,
    outbox: context.outbox,
    transaction: async work => {
      try {
        return await records.transaction(tx => {
          const within = on(tx)
          tx.before(() => within.due.settle(tx))
          return work({ context: within, outbox: within.outbox, tx })
        })
      } catch (error) {
        // It has learned nothing after all.
        learned.times++
        throw error
      }
    },
  }
}
