// Keeps the devices in this device's groups in step with the accounts' own: looks up, when the line comes up and when
// the server hints at it, which devices have certificates, and has the missing added and the revoked removed.

import type { KeyExchanged } from '../../../../gen/parley/v1/key_exchange_pb.js'
import type { DeviceIdentity } from '../../../protocol/identity/certificate.js'
import { type AccountKey, type KeyText, keyText } from '../../../protocol/keys.js'
import type { Context, RunTransaction } from '../../context.js'
import { isOwn } from '../../groups/membership.js'
import { can } from '../../groups/state/group.js'
import type { ContactNumber, ConversationNumber, GroupNumber } from '../../ids.js'
import type { KeyExchangeParts } from '../../line/connection.js'
import type { Timer } from '../../ports.js'
import type { Transaction } from '../../vault/records.js'
import type { Scheduler } from '../scheduler.js'
import { listsIn, noteListed, type ShownList, saveList } from './known-lists.js'
import { OwnGroup } from './own-group.js'
import { type Directory, reconcile } from './reconcile.js'

/** Handles in one call, where the server does not want fewer. */
const LOOKUPS_PER_CALL = 256
/**
 * A new line looks up this many of the handles that are due at once, and as many of those with whom something was said
 * lately; it takes the others in pages, with a wait in ms between two.
 */
const FIRST_HANDLES = 16
const PAGE_HANDLES = 64
const PAGE_WAIT_MS = 5_000
/** Groups that are compared with the directory before other work gets its turn. */
const GROUPS_AT_ONCE = 16
/** Milliseconds after which a handle with a device that could not be added is looked up again: doubled each time. */
const AGAIN_MIN_MS = 1_000
const AGAIN_MAX_MS = 300_000

interface DeviceListsOptions {
  /** The saved state. */
  context: Context
  transaction: RunTransaction
  /** Throws RpcError or LineStopped. */
  exchange(parts: KeyExchangeParts): Promise<KeyExchanged>
  scheduler: Pick<Scheduler, 'after'>
  nudge(): void
}

export class DeviceLists {
  /** Handles that are due to be looked up. */
  readonly #due = new Set<string>()
  /** By handle: how long it waited the last time to be looked up again, in ms. */
  readonly #waits = new Map<string, number>()
  /** The contact up to which those who are due with a new line were taken. */
  #pageAfter: ContactNumber | undefined
  #page: Timer | undefined
  readonly #ownGroup: OwnGroup
  #isRunning = false

  constructor(private readonly options: DeviceListsOptions) {
    this.#ownGroup = new OwnGroup({
      ...options,
      lookAgain: () => this.changed(options.context.account.handle),
    })
  }

  /** Looks up all who are due. Throws VaultError, RpcError and LineStopped; a new line makes everybody due. */
  async run(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      await this.#revoke()
      while (this.#due.size > 0) {
        const handles = [...this.#due].slice(0, LOOKUPS_PER_CALL)
        for (const handle of handles) this.#due.delete(handle)
        await this.#lookUp(handles)
      }
    } finally {
      this.#isRunning = false
    }
  }

  /** A new line: everybody is due, those first with whom something was said lately, the others one after the other. */
  restart(): void {
    const { account, recents } = this.options.context
    this.#waits.clear()
    this.#ownGroup.restart()
    this.#due.add(account.handle)
    const inUse = recents.all()
    this.#addPeers(inUse.slice(0, FIRST_HANDLES))
    this.#page?.cancel()
    this.#pageAfter = undefined
    this.#addPage(FIRST_HANDLES, () => this.#addPeers(inUse.slice(FIRST_HANDLES)))
  }

  #addPeers(conversations: readonly ConversationNumber[]): void {
    const { context } = this.options
    for (const conversation of conversations) {
      const peer = context.conversations.with(conversation)
      const contact = peer && 'accountKey' in peer ? context.contacts.get(peer.accountKey) : undefined
      if (contact) this.#due.add(contact.handle)
    }
  }

  /** The next of those whom this account has met; the others later. `then`: what comes before those. */
  #addPage(handles: number, then?: () => void): void {
    const { context, scheduler, nudge } = this.options
    const page = context.records.list('contacts', { group: 0n, after: this.#pageAfter, limit: handles })
    for (const { record } of page) if (record.handle) this.#due.add(record.handle)
    this.#pageAfter = page.at(-1)?.key.id ?? this.#pageAfter
    if (page.length < handles) return
    this.#page = scheduler.after(PAGE_WAIT_MS, () => {
      then?.()
      this.#addPage(PAGE_HANDLES)
      nudge()
    })
  }

  /** The account has a new device, or one less. */
  changed(handle: string): void {
    this.#due.add(handle)
    this.options.nudge()
  }

  /** Asks whose these handles are, which somebody claims. Throws VaultError, RpcError and LineStopped. */
  async introduce(handles: readonly string[]): Promise<void> {
    const { context, transaction, exchange } = this.options
    for (let from = 0; from < handles.length; from += LOOKUPS_PER_CALL) {
      const lookupHandles = handles.slice(from, from + LOOKUPS_PER_CALL)
      const lists = listsIn(context.records, (await exchange({ lookupHandles })).lookups)
      await transaction(({ context, tx }) => noteListed(context, tx, lists))
    }
  }

  /** Revocations that the server may not know yet, for the first call of a line. */
  revocations(): Uint8Array[] {
    return this.options.context.devices
      .all()
      .filter(({ revocation, revocationDone }) => revocation.length > 0 && !revocationDone)
      .map(({ revocation }) => revocation)
  }

  async #revoke(): Promise<void> {
    const deviceRevocations = this.revocations()
    if (deviceRevocations.length === 0) return
    await this.options.exchange({ deviceRevocations })
    await this.options.transaction(({ context, tx }) => {
      for (const { deviceId, revocation } of context.devices.all())
        if (deviceRevocations.some(done => Buffer.compare(done, revocation) === 0))
          context.devices.change(tx, deviceId, { revocationDone: true })
    })
  }

  async #lookUp(handles: readonly string[]): Promise<void> {
    const { context, transaction, exchange, nudge } = this.options
    const lists = listsIn(context.records, (await exchange({ lookupHandles: [...handles] })).lookups)
    const own = lists.find(({ handle }) => handle === context.account.handle)?.devices() ?? []
    await transaction(({ context, tx }) => {
      noteOwnDevices(context, tx, own)
      noteListed(context, tx, lists)
    })
    const incomplete = await this.#compareAll(lists)
    await transaction(({ tx }) => {
      for (const list of lists) saveList(tx, list)
    })
    for (const handle of handles)
      if (incomplete.has(handle)) this.#lookAgain(handle)
      else this.#waits.delete(handle)
    if (handles.includes(context.account.handle)) await this.#ownGroup.look(own)
    nudge()
  }

  /** Returns the handles of which a device is not in one of the groups yet. */
  async #compareAll(lists: readonly ShownList[]): Promise<ReadonlySet<string>> {
    const { context } = this.options
    const places = new Map(
      lists.map(list => [
        list,
        list.accountKeys.flatMap(key => context.groups.with(key, list.isNew ? 'all' : 'unreconciled')),
      ]),
    )
    const groups = [...new Set([...places.values()].flat())]
    const compared = lists.filter(list => places.get(list)!.length > 0)
    const incomplete = new Set<KeyText<AccountKey>>()
    for (let from = 0; from < groups.length; from += GROUPS_AT_ONCE)
      for (const account of await this.#compare(groups.slice(from, from + GROUPS_AT_ONCE), compared))
        incomplete.add(account)
    const isIncomplete = ({ accountKeys }: ShownList) => accountKeys.some(key => incomplete.has(keyText(key)))
    return new Set(lists.filter(isIncomplete).map(({ handle }) => handle))
  }

  async #compare(
    groups: readonly GroupNumber[],
    lists: readonly ShownList[],
  ): Promise<KeyText<AccountKey>[]> {
    const directory: Directory = directoryOf(lists)
    const accounts = lists.flatMap(({ accountKeys }) => accountKeys)
    return await this.options.transaction(({ context, tx }) =>
      groups
        .flatMap(number => context.groups.get(number) ?? [])
        .flatMap(group => {
          const incomplete = reconcile(context, tx, group, directory)
          const isUsed = can(group.phase, 'tell-devices')
          for (const accountKey of isUsed ? accounts : [])
            context.groups.noteCompared(tx, group, {
              accountKey,
              isComplete: !incomplete.includes(keyText(accountKey)),
            })
          return incomplete
        }),
    )
  }

  #lookAgain(handle: string): void {
    const wait = Math.min((this.#waits.get(handle) ?? AGAIN_MIN_MS / 2) * 2, AGAIN_MAX_MS)
    this.#waits.set(handle, wait)
    this.options.scheduler.after(wait, () => this.changed(handle))
  }
}

function directoryOf(lists: readonly ShownList[]): Directory {
  const devices = lists.flatMap(list => list.devices())
  return Map.groupBy(devices, ({ accountKey }) => keyText(accountKey))
}

function noteOwnDevices(
  context: Pick<Context, 'account' | 'devices' | 'session'>,
  tx: Transaction,
  listed: readonly DeviceIdentity[],
): void {
  const own = listed.filter(device => isOwn(context, device))
  if (own.length === 0) return
  const unknown = own.filter(({ deviceKey }) => !context.devices.get(deviceKey)?.issuedAtMs)
  for (const { deviceKey, issuedAt } of unknown)
    context.devices.change(tx, deviceKey, { issuedAtMs: BigInt(issuedAt) })
  if (unknown.length > 0) tx.tell({ type: 'devices' })
  // 8 bits of checksum let a wrong word in 256 through, and a mistyped handle is nobody's.
  if (context.session.isUnconfirmed && own.length === 1)
    tx.tell({
      type: 'notice',
      level: 'warning',
      notice: { code: 'account-unknown', handle: context.account.handle },
    })
  tx.after(() => {
    context.session.isUnconfirmed = false
  })
}
