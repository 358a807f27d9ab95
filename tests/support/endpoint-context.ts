// What the parts of an endpoint share, on a real vault and the real engine, without a server.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Account } from '../../services/endpoint/contacts/account.js'
import { openContacts } from '../../services/endpoint/contacts/contacts.js'
import { openOwnDevices } from '../../services/endpoint/contacts/own-devices.js'
import type { Context } from '../../services/endpoint/context.js'
import type { EndpointEvent } from '../../services/endpoint/events.js'
import { openGroups } from '../../services/endpoint/groups/groups.js'
import { openIntentList } from '../../services/endpoint/groups/intent-list.js'
import { openConversations } from '../../services/endpoint/history/conversations.js'
import { systemClock, systemRandom } from '../../services/endpoint/local.js'
import { createEngine } from '../../services/endpoint/mls/engine.js'
import { validateCredential } from '../../services/endpoint/mls/validate-credential.js'
import { type Batch, openRecords, type Records } from '../../services/endpoint/vault/records.js'
import { openVault } from '../../services/endpoint/vault/vault.js'

export interface TestContext {
  context: Context
  /** What was told so far. */
  told: EndpointEvent[]
  /** Runs a change and saves it. */
  written<T>(change: (batch: Batch) => Promise<T> | T): Promise<T>
  /** Closes the vault and removes it. */
  close(): void
}

export async function openTestContext(account: Account): Promise<TestContext> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-context-'))
  const vault = await openVault({ folder })
  const told: EndpointEvent[] = []
  const records = openRecords(vault, event => void told.push(event))
  const context = await contextOn(records, account)
  return {
    context,
    told,
    written: change => records.transaction(change),
    close() {
      vault.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What the parts share, on these records. */
export async function contextOn(records: Records, account: Account): Promise<Context> {
  const engine = await createEngine({ validate: validateCredential })
  return {
    account,
    records,
    engine,
    welcomes: {
      open: () => Promise.reject(new Error('no welcome is expected')),
      close: async () => undefined,
    },
    clock: systemClock,
    random: systemRandom,
    groups: openGroups(records, engine),
    intents: openIntentList(records),
    conversations: openConversations(records, systemClock),
    contacts: openContacts(records, systemClock),
    devices: openOwnDevices(records),
  }
}
