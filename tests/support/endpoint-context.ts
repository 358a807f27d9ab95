// What the parts of an endpoint share, on a real vault and the real engine, without a server.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Context } from '../../services/endpoint/context.js'
import { openContacts } from '../../services/endpoint/conversation/contacts.js'
import { openConversations } from '../../services/endpoint/conversation/conversations.js'
import { openGroups } from '../../services/endpoint/conversation/groups.js'
import { openIntentList } from '../../services/endpoint/conversation/intent-list.js'
import { openOwnDevices } from '../../services/endpoint/conversation/own-devices.js'
import type { EndpointEvent } from '../../services/endpoint/events.js'
import type { Account } from '../../services/endpoint/identity/account.js'
import { validateCredential } from '../../services/endpoint/identity/validate.js'
import { createEngine } from '../../services/endpoint/mls/engine.js'
import { type Batch, openRecords } from '../../services/endpoint/records.js'
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
  const engine = await createEngine({ validate: validateCredential })
  const context: Context = {
    account,
    records,
    engine,
    welcomes: {
      open: () => Promise.reject(new Error('no welcome is expected')),
      close: async () => undefined,
    },
    groups: openGroups(records, engine),
    intents: openIntentList(records),
    conversations: openConversations(records),
    contacts: openContacts(records),
    devices: openOwnDevices(records),
  }
  return {
    context,
    told,
    async written(change) {
      const batch = records.begin()
      const result = await change(batch)
      batch.commit()
      return result
    },
    close() {
      vault.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
