// Keeps the devices in this device's groups in step with the accounts' own: looks up, when the line comes up and when
// the server hints at it, which devices are in use, and has the missing added and the others removed.

import type { KeyExchanged } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { type AccountKey, type KeyText, keyText } from '../../../protocol/keys.js'
import type { Context, RunTransaction } from '../../context.js'
import { can } from '../../groups/state/group.js'
import type { ContactNumber, ConversationNumber, GroupNumber } from '../../ids.js'
import type { KeyExchangeParts } from '../../line/connection.js'
import { tellOtherLists } from '../../messages/lists/compared-lists.js'
import { tellOwnList } from '../../messages/lists/ended-devices.js'
import type { Timer } from '../../ports.js'
import type { Scheduler } from '../scheduler.js'
import { listsIn, noteListed, type ShownList, usedDevices } from './known-lists.js'
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
      await this.#publish()
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
      const lists = listsIn(context, (await exchange({ lookupHandles })).lookups)
      await transaction(({ context, tx }) => noteListed(context, tx, lists))
    }
  }

  /** Tells the server what this device has decided about the account's devices. */
  async #publish(): Promise<void> {
    const { context, exchange, transaction } = this.options
    const own = context.account.account.publicKey
    const shown = context.lists.isDue(own) ? context.lists.shown(own) : undefined
    if (!shown) return
    await exchange({ deviceList: shown.deviceList, deviceRemovals: [...shown.removals] })
    await transaction(({ context, tx }) => {
      // More may have been decided meanwhile.
      if (context.lists.shown(own)?.removals.length === shown.removals.length) context.lists.noteTold(tx, own)
    })
  }

  async #lookUp(handles: readonly string[]): Promise<void> {
    const { context, transaction, exchange, nudge } = this.options
    const { lookups } = await exchange({ lookupHandles: [...handles] })
    const later = lookups.filter(({ outcome }) => outcome.case === 'later').map(({ handle }) => handle)
    // A server that answers nothing at all would be asked as fast as it says so.
    if (later.length > 0 && later.length === lookups.length) {
      for (const handle of later) this.#lookAgain(handle)
      return
    }
    for (const handle of later) this.#due.add(handle)
    const isAnswered = lookups.some(
      ({ handle, outcome }) => handle === context.account.handle && outcome.case !== 'later',
    )
    const lists = listsIn(context, lookups)
    const own = lists.find(({ handle }) => handle === context.account.handle)
    await transaction(({ context, tx }) => {
      noteListed(context, tx, lists)
      if (own) tellOwnList(context, tx)
      if (isAnswered) tellOtherLists(context, tx)
    })
    const incomplete = await this.#compareAll(lists)
    await transaction(({ context, tx }) => {
      for (const { accountKey } of lists) context.lists.noteCompared(tx, accountKey)
    })
    for (const handle of handles)
      if (incomplete.has(handle)) this.#lookAgain(handle)
      else this.#waits.delete(handle)
    if (handles.includes(context.account.handle))
      await this.#ownGroup.look(own ? usedDevices(context, own) : [])
    nudge()
  }

  /** Returns the handles of which a device is not in one of the groups yet. */
  async #compareAll(lists: readonly ShownList[]): Promise<ReadonlySet<string>> {
    const { context } = this.options
    const places = new Map(
      lists.map(list => {
        const isNew = !context.lists.isCompared(list.accountKey)
        return [list, context.groups.with(list.accountKey, isNew ? 'all' : 'unreconciled')]
      }),
    )
    const groups = [...new Set([...places.values()].flat())]
    const compared = lists.filter(list => places.get(list)!.length > 0)
    const incomplete = new Set<KeyText<AccountKey>>()
    for (let from = 0; from < groups.length; from += GROUPS_AT_ONCE)
      for (const account of await this.#compare(groups.slice(from, from + GROUPS_AT_ONCE), compared))
        incomplete.add(account)
    return new Set(lists.flatMap(each => (incomplete.has(keyText(each.accountKey)) ? [each.handle] : [])))
  }

  async #compare(
    groups: readonly GroupNumber[],
    lists: readonly ShownList[],
  ): Promise<KeyText<AccountKey>[]> {
    const { context } = this.options
    const directory: Directory = new Map(
      lists.map(list => [keyText(list.accountKey), usedDevices(context, list)]),
    )
    const waits = new Map(
      lists.map(({ handle, accountKey }) => [keyText(accountKey), this.#waits.get(handle) ?? 0]),
    )
    return await this.options.transaction(({ context, tx }) => {
      const all: KeyText<AccountKey>[] = []
      for (const group of groups.flatMap(number => context.groups.get(number) ?? [])) {
        const incomplete = reconcile(context, tx, group, { directory, waits })
        all.push(...incomplete)
        const isUsed = can(group.phase, 'tell-devices')
        for (const { accountKey } of isUsed ? lists : [])
          context.groups.noteCompared(tx, group, {
            accountKey,
            isComplete: !incomplete.includes(keyText(accountKey)),
          })
      }
      return all
    })
  }

  #lookAgain(handle: string): void {
    const wait = Math.min((this.#waits.get(handle) ?? AGAIN_MIN_MS / 2) * 2, AGAIN_MAX_MS)
    this.#waits.set(handle, wait)
    this.options.scheduler.after(wait, () => this.changed(handle))
  }
}
