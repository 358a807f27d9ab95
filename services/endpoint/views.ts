// An endpoint shows this of itself, without anything that is secret.

import type { Context } from './context.js'
import type { AccountKey, DeviceKey } from './ids.js'
import type { Queued } from './messages/sealing/outbox.js'
import { waitingLines } from './messages/sealing/unsent.js'
import { loadServer, pinOf } from './sync/server-record.js'
import type { Reader } from './vault/records.js'

export interface AccountView {
  handle: string
  accountKey: AccountKey
  deviceKey: DeviceKey
}

export interface ServerView {
  host: string
  port: number
  /** SHA-256 of the pinned SubjectPublicKeyInfo; undefined where no key is pinned: an authority vouches for it. */
  fingerprint: Uint8Array | undefined
}

export interface KnownKey {
  /** How they are shown. */
  handle: string
  accountKey: AccountKey
}

/** undefined in a new vault. */
export function viewAccount({ account: own }: Partial<Pick<Context, 'account'>>): AccountView | undefined {
  if (!own) return undefined
  return { handle: own.handle, accountKey: own.account.publicKey, deviceKey: own.device.publicKey }
}

export function viewServer(records: Reader): ServerView | undefined {
  const server = loadServer(records)
  if (!server) return undefined
  const { host, port } = server
  return { host, port, fingerprint: pinOf(server) }
}

export function keysKnown({ contacts }: Pick<Context, 'contacts'>): KnownKey[] {
  return contacts.all().map(({ accountKey }) => ({ handle: contacts.nameOf(accountKey), accountKey }))
}

/** Own messages that the server does not have, and those that no device of the other side has. */
export function unsettled({ outbox, records }: Pick<Context, 'outbox' | 'records'>) {
  const isLine = ({ item: { what } }: Queued) => what.case === 'content' && what.value.message !== 0n
  const waiting = waitingLines({ records }).length
  const unsent = waiting + outbox.items().filter(isLine).length
  return { unsent, undelivered: waiting + records.keys('undelivered').length }
}
