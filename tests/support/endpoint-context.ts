// What the parts of an endpoint share, on a vault in memory and the real engine, without a server.

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
import type { Clock } from '../../services/endpoint/ports.js'
import { type Batch, openRecords, type Records } from '../../services/endpoint/vault/records.js'
import { FakeClock } from './memory/clock.js'
import { MemoryDisk } from './memory/vault.js'

export interface TestContext {
  context: Context
  clock: FakeClock
  disk: MemoryDisk
  /** What was told so far. */
  told: EndpointEvent[]
  /** Runs a change and saves it. */
  written<T>(change: (batch: Batch) => Promise<T> | T): Promise<T>
}

export async function openTestContext(account: Account): Promise<TestContext> {
  const disk = new MemoryDisk()
  const clock = new FakeClock()
  const told: EndpointEvent[] = []
  const records = openRecords(disk.open(), event => void told.push(event))
  const context = await contextOn(records, account, clock)
  return { context, clock, disk, told, written: change => records.transaction(change) }
}

/** What the parts share, on these records. */
export async function contextOn(
  records: Records,
  account: Account,
  clock: Clock = systemClock,
): Promise<Context> {
  const engine = await createEngine({ validate: validateCredential, now: () => clock.now() })
  return {
    account,
    records,
    engine,
    welcomes: {
      open: () => Promise.reject(new Error('no welcome is expected')),
      close: async () => undefined,
    },
    clock,
    random: systemRandom,
    groups: openGroups(records, engine),
    intents: openIntentList(records),
    conversations: openConversations(records, clock),
    contacts: openContacts(records, clock),
    devices: openOwnDevices(records),
  }
}
