// The context that the parts of an endpoint share, on a vault in memory and the real engine, without a server.

import { type NewAccount, type OwnAccount, saveAccount } from '../../services/endpoint/contacts/account.js'
import type { Claim } from '../../services/endpoint/contacts/contacts.js'
import type { Unit } from '../../services/endpoint/context.js'
import type { EndpointEvent } from '../../services/endpoint/events.js'
import type { LiveGroup } from '../../services/endpoint/groups/state/groups.js'
import { systemClock, systemRandom } from '../../services/endpoint/local.js'
import { createEngine } from '../../services/endpoint/mls/engine.js'
import { validateCredential } from '../../services/endpoint/mls/validate-credential.js'
import type { Clock } from '../../services/endpoint/ports.js'
import { openStores, type Stores } from '../../services/endpoint/stores.js'
import { Records, type Transaction } from '../../services/endpoint/vault/records.js'
import { shownList } from './device-lists.js'
import { knowAccount } from './known-accounts.js'
import { FakeClock } from './memory/clock.js'
import { MemoryDisk } from './memory/vault.js'
import { localOpener } from './memory/welcome-opener.js'

/** `context` and `outbox` show what is saved. */
export interface TestContext extends Stores {
  clock: FakeClock
  disk: MemoryDisk
  /** The events that were told so far. */
  told: EndpointEvent[]
  /** Runs a unit of work and saves it. */
  written<T>(work: (tx: Transaction, unit: Unit) => Promise<T> | T): Promise<T>
}

export async function openTestContext(account: OwnAccount): Promise<TestContext> {
  knowAccount(account)
  const disk = new MemoryDisk()
  const clock = new FakeClock()
  const told: EndpointEvent[] = []
  const records = new Records(disk.open(), event => void told.push(event))
  const stores = await storesOn(records, clock)
  const written: TestContext['written'] = work => stores.transaction(unit => work(unit.tx, unit))
  await written(tx => saveAccount(tx, account, clock.now()))
  return { ...stores, clock, disk, told, written }
}

/** An account as its certificate and the server's directory say. */
export const claimOf = ({ handle, account }: OwnAccount): Claim => ({ handle, accountKey: account.publicKey })

/** The directory has said whose their handles are. */
export const pinned = ({ written }: Pick<TestContext, 'written'>, ...accounts: readonly OwnAccount[]) =>
  written((tx, { context }) => {
    for (const account of accounts) context.contacts.meet(tx, claimOf(account))
  })

/** The newest list that this endpoint knows of an account: of these devices, with this number. */
export const listed = (
  { written }: Pick<TestContext, 'written'>,
  devices: readonly NewAccount[],
  number = 1,
): Promise<unknown> =>
  written((tx, { context }) => context.lists.learn(tx, context.lists.read(shownList(devices, { number }))!))

/** A group that was read outside of a unit of work, as that sees it. */
export const groupIn = ({ context }: Unit, { number }: Pick<LiveGroup, 'number'>): LiveGroup =>
  context.groups.get(number)!

/** The context of these records. */
export async function storesOn(records: Records, clock: Clock = systemClock): Promise<Stores> {
  const engine = await createEngine({ validate: validateCredential, now: () => clock.now() })
  return openStores(records, {
    ...{ engine, welcomes: localOpener(engine), clock, random: systemRandom },
    requests: 'accept',
  })
}
