// Keeps the devices in this device's groups in step with the accounts' own: looks up, when the line comes up and when
// the server hints at it, which devices have certificates, and has the missing added and the revoked removed.

import type { KeyExchanged, LookupOutcome } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { certifiedDevices, type DeviceIdentity } from '../../../protocol/identity/certificate.js'
import type { Context, RunTransaction } from '../../context.js'
import { crypto } from '../../crypto.js'
import { isOwn } from '../../groups/membership.js'
import type { KeyExchangeParts } from '../../line/connection.js'
import type { Transaction } from '../../vault/records.js'
import type { Scheduler } from '../scheduler.js'
import { OwnGroup } from './own-group.js'
import { type Directory, reconcile } from './reconcile.js'

/** Handles in one call, where the server does not want fewer. */
const LOOKUPS_PER_CALL = 256
/** Groups that are compared with the directory before other work gets its turn. */
const GROUPS_AT_ONCE = 16
/** Milliseconds after which a handle with a device that could not be added is looked up again: doubled each time. */
const AGAIN_MIN_MS = 1_000
const AGAIN_MAX_MS = 300_000

export interface DeviceListsOptions {
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

  /** A new line: everybody is due. */
  restart(): void {
    const { account, contacts } = this.options.context
    this.#waits.clear()
    this.#ownGroup.restart()
    this.#due.add(account.handle)
    for (const { handle, accountKey } of contacts.all()) if (accountKey.length > 0) this.#due.add(handle)
  }

  /** The account has a new device, or one less. */
  changed(handle: string): void {
    this.#due.add(handle)
    this.options.nudge()
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
    const directory = directoryOf((await exchange({ lookupHandles: [...handles] })).lookups)
    await transaction(({ context, tx }) => {
      noteOwnDevices(context, tx, directory)
      noteChanges(context, tx, directory)
    })
    const incomplete = new Set<string>()
    const groups = context.groups.all().map(({ number }) => number)
    for (let from = 0; from < groups.length; from += GROUPS_AT_ONCE)
      for (const handle of await this.#compare(groups.slice(from, from + GROUPS_AT_ONCE), directory))
        incomplete.add(handle)
    for (const handle of handles)
      if (incomplete.has(handle)) this.#lookAgain(handle)
      else this.#waits.delete(handle)
    await this.#ownGroup.look(directory)
    nudge()
  }

  /** Returns the handles of which a device is not in one of the groups yet. */
  async #compare(groups: readonly bigint[], directory: Directory): Promise<string[]> {
    return await this.options.transaction(({ context, tx }) =>
      groups
        .flatMap(number => context.groups.get(number) ?? [])
        .flatMap(group => reconcile(context, tx, group, directory)),
    )
  }

  #lookAgain(handle: string): void {
    const wait = Math.min((this.#waits.get(handle) ?? AGAIN_MIN_MS / 2) * 2, AGAIN_MAX_MS)
    this.#waits.set(handle, wait)
    this.options.scheduler.after(wait, () => this.changed(handle))
  }
}

/** The groups say whose device it is: here a certificate counts that is what it says, for this handle. */
function directoryOf(lookups: readonly LookupOutcome[]): Directory {
  const directory = new Map<string, DeviceIdentity[]>()
  for (const { handle, outcome } of lookups) {
    if (outcome.case !== 'devices') continue
    const devices = certifiedDevices(crypto, outcome.value.deviceCertificates)
    directory.set(
      handle,
      devices.filter(device => device.handle === handle),
    )
  }
  return directory
}

function noteOwnDevices(
  context: Pick<Context, 'account' | 'devices' | 'session'>,
  tx: Transaction,
  directory: Directory,
): void {
  const own = (directory.get(context.account.handle) ?? []).filter(device => isOwn(context, device))
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

/** An account whose pinned key the server does not list any more has another one now, which is looked into (changed-keys.ts). */
function noteChanges({ contacts }: Pick<Context, 'contacts'>, tx: Transaction, directory: Directory): void {
  for (const [handle, devices] of directory) {
    const isListed = devices.some(({ accountKey }) => contacts.trust(handle, accountKey) !== 'other')
    const [first] = devices
    if (first && !isListed) contacts.meet(tx, handle, first.accountKey)
  }
}
