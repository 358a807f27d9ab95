// The data of a store in memory. They are apart from the store, so that one can be closed and another opened on the
// same data, as with a file.

import { randomBytes } from 'node:crypto'
import { nodeCrypto } from '../../../protocol/node/crypto.js'
import { KEY_BYTES, SERVER_ID_BYTES } from '../../../protocol/sizes.js'
import { bytesKey } from '../../bytes.js'
import { blockedBy, devicesOf } from '../account-rules.js'
import { CURSOR_KEY_BYTES } from '../cursor.js'
import type { ConversationFacts, DeviceFacts } from '../facts.js'
import type { LogRecord } from '../log-record.js'
import type { AccountRecord, Ban, BanSubject, DeviceId, Suite } from '../store.js'

export interface AccountRow {
  key: number
  handle: string
  accountKey: Uint8Array
  /** In the order in which they came. */
  devices: DeviceRow[]
  /** Bytes of the log that its devices have sent. */
  stored: number
  /** The newest list and its removals, as they came. */
  deviceList: Uint8Array
  removals: readonly Uint8Array[]
  /** By their ids (see bytesKey), also of devices that have not registered. */
  used: ReadonlySet<string>
}

export interface DeviceRow {
  key: number
  id: DeviceId
  account: AccountRow
  clientSequence: number
  /** See commitAt. */
  commitsFreeAt: number
  acked: number
  /** Keys of the conversations whose roster it is on. */
  rosters: Set<number>
  /** Conversations that it has created and that somebody is in. */
  created: number
  /** One-time key packages by their hashes, the oldest first. */
  stock: Map<string, StockedPackage>
  /** Hashes of those that are gone, the oldest first: they are not taken again. */
  goneHashes: Set<string>
  /** By their suites. */
  lastResorts: Map<Suite, Uint8Array>
}

interface StockedPackage {
  suite: Suite
  keyPackage: Uint8Array
  /** Milliseconds since 1970. */
  publishedAt: number
}

export interface ConversationRow {
  facts: ConversationFacts
  /** The conversation's own number of its last record. */
  lastShown: number
  /** Deleted envelopes that a device had not read, by the device's key. */
  missed: Map<number, number>
}

export class Tables {
  readonly serverId: Uint8Array
  /** Secret. */
  readonly directoryKey: Uint8Array
  /** By handle. */
  readonly accounts = new Map<string, AccountRow>()
  readonly #devices = new Map<string, DeviceRow>()
  readonly #devicesByKey = new Map<number, DeviceRow>()
  readonly #conversations = new Map<string, ConversationRow>()
  readonly #conversationsByKey = new Map<number, ConversationRow>()
  /** Until when an invite holds (ms since 1970), by its hash. */
  readonly invites = new Map<string, number>()
  /** Until when a nonce is remembered (ms since 1970), by device and nonce. */
  readonly nonces = new Map<string, number>()
  readonly #bans = new Map<string, Ban>()
  /** In their order. */
  records: LogRecord[] = []
  /** The highest number that may be in the log. */
  sequence = 0
  /** Secret. */
  readonly cursorKey: Uint8Array = randomBytes(CURSOR_KEY_BYTES)
  /** About the bytes of all that is kept. */
  bytes = 0

  /** `serverId`: 16 bytes, `directoryKey`: 32; drawn unless given. */
  constructor({
    serverId = nodeCrypto.randomBytes(SERVER_ID_BYTES),
    directoryKey = nodeCrypto.randomBytes(KEY_BYTES),
  }: { serverId?: Uint8Array; directoryKey?: Uint8Array } = {}) {
    this.serverId = serverId
    this.directoryKey = directoryKey
  }

  device(id: DeviceId): DeviceRow | undefined {
    return this.#devices.get(bytesKey(id))
  }

  deviceByKey(key: number): DeviceRow | undefined {
    return this.#devicesByKey.get(key)
  }

  /** Keeps an account as it is from here on. */
  putAccount({ handle, accountKey, deviceList, removals }: AccountRecord): AccountRow {
    const used = new Set(devicesOf({ handle, accountKey, deviceList, removals }).map(bytesKey))
    const known = this.accounts.get(handle)
    if (known) return Object.assign(known, { deviceList, removals, used })
    const key = this.accounts.size + 1
    const account = { key, handle, accountKey, devices: [], stored: 0, deviceList, removals, used }
    this.accounts.set(handle, account)
    return account
  }

  addDevice(account: AccountRow, id: DeviceId): void {
    const row: DeviceRow = {
      ...{ key: this.#devices.size + 1, id, account, clientSequence: 0, acked: 0 },
      ...{ commitsFreeAt: 0 },
      ...{ rosters: new Set(), created: 0, stock: new Map(), goneHashes: new Set(), lastResorts: new Map() },
    }
    account.devices.push(row)
    this.#devices.set(bytesKey(id), row)
    this.#devicesByKey.set(row.key, row)
  }

  isRevoked({ account, id }: DeviceRow): boolean {
    return !account.used.has(bytesKey(id))
  }

  factsOf(row: DeviceRow): DeviceFacts {
    const { key, id, clientSequence, commitsFreeAt, created, account } = row
    const banned = this.isBanned({ handle: account.handle }) || this.isBanned({ deviceId: id })
    const blocked = blockedBy({ revoked: this.isRevoked(row), banned })
    return { key, id, account: account.key, clientSequence, conversations: created, commitsFreeAt, blocked }
  }

  conversation(id: Uint8Array): ConversationRow | undefined {
    return this.#conversations.get(bytesKey(id))
  }

  conversationByKey(key: number): ConversationRow | undefined {
    return this.#conversationsByKey.get(key)
  }

  conversations(): Iterable<ConversationRow> {
    return this.#conversations.values()
  }

  addConversation(facts: ConversationFacts): ConversationRow {
    const row = { facts, lastShown: 0, missed: new Map<number, number>() }
    this.#conversations.set(bytesKey(facts.id), row)
    this.#conversationsByKey.set(facts.key, row)
    return row
  }

  nextConversationKey(): number {
    return this.#conversations.size + 1
  }

  /** The first of several bans of one subject stays. */
  addBan(ban: Ban): void {
    const key = banKey(ban)
    if (!this.#bans.has(key)) this.#bans.set(key, ban)
  }

  removeBan(subject: BanSubject): boolean {
    return this.#bans.delete(banKey(subject))
  }

  isBanned(subject: BanSubject): boolean {
    return this.#bans.has(banKey(subject))
  }

  /** The oldest first. */
  bans(): Ban[] {
    return [...this.#bans.values()]
  }
}

function banKey(subject: BanSubject): string {
  return 'handle' in subject ? `account ${subject.handle}` : `device ${bytesKey(subject.deviceId)}`
}
