import { equalBytes } from '../../../protocol/bytes.js'
import { bytesKey } from '../../bytes.js'
import { decideChange, isSameRecord, type RegistrationFacts } from '../account-rules.js'
import type {
  AccountChange,
  AccountRecord,
  ChangeOutcome,
  DeviceId,
  DeviceRecord,
  Directory,
  RegisteredDevice,
  RegisterTerms,
} from '../store.js'
import type { MemoryParts } from './parts.js'
import type { AccountRow, DeviceRow } from './tables.js'

/** About what a device costs. */
const DEVICE_BYTES = 1_024

export class MemoryDirectory implements Directory {
  readonly #parts: MemoryParts

  constructor(parts: MemoryParts) {
    this.#parts = parts
  }

  async change(change: AccountChange, terms: RegisterTerms): Promise<ChangeOutcome> {
    const { tables, room } = this.#parts
    const before = tables.accounts.get(change.handle)
    const { outcome, account } = decideChange(change, terms, this.#facts(change, terms))
    if (!account) return { outcome, account: before && accountOf(before), ended: [], isChanged: false }
    const isChanged = !before || !isSameRecord(accountOf(before), account)
    const isNew = outcome === 'registered' || outcome === 'added'
    const bytes = (isNew ? DEVICE_BYTES : 0) + sizeOf(account) - (before ? sizeOf(before) : 0)
    room.require(bytes)
    room.take(bytes)
    const used = before?.devices.filter(device => !tables.isRevoked(device)) ?? []
    const row = tables.putAccount(account)
    if (isNew) tables.addDevice(row, change.caller.slice())
    const ended = used.filter(device => tables.isRevoked(device))
    for (const device of ended) this.#end(device)
    if (outcome === 'registered' && terms.newAccounts === 'invite' && terms.inviteHash)
      tables.invites.delete(bytesKey(terms.inviteHash))
    return { outcome, account, ended: ended.map(({ id }) => id), isChanged }
  }

  #facts(
    { handle, accountKey, caller: deviceId }: AccountChange,
    { inviteHash }: RegisterTerms,
  ): RegistrationFacts {
    const { tables, now, limits } = this.#parts
    const account = tables.accounts.get(handle)
    const inviteUntil = inviteHash ? (tables.invites.get(bytesKey(inviteHash)) ?? 0) : 0
    return {
      banned: tables.isBanned({ handle }) || tables.isBanned({ deviceId }),
      account: account && accountOf(account),
      registeredAs: tables.device(deviceId)?.account.handle,
      accountAs: this.#withKey(accountKey)?.handle,
      inviteHolds: inviteUntil > now(),
      devicesPerAccount: limits.devicesPerAccount,
      nowMs: now(),
    }
  }

  /** One that is not in use loses its key packages. */
  #end(device: DeviceRow): void {
    for (const { keyPackage } of device.stock.values()) this.#parts.room.giveBack(keyPackage.length)
    device.stock.clear()
    device.lastResorts.clear()
  }

  async account(handle: string): Promise<AccountRecord | undefined> {
    const account = this.#parts.tables.accounts.get(handle)
    return account && accountOf(account)
  }

  async accountOf(accountKey: Uint8Array): Promise<AccountRecord | undefined> {
    const account = this.#withKey(accountKey)
    return account && accountOf(account)
  }

  #withKey(accountKey: Uint8Array): AccountRow | undefined {
    const accounts = [...this.#parts.tables.accounts.values()]
    return accounts.find(each => equalBytes(each.accountKey, accountKey))
  }

  async device(id: DeviceId): Promise<RegisteredDevice | undefined> {
    const row = this.#parts.tables.device(id)
    return row && { ...recordOf(row), blocked: this.#parts.tables.factsOf(row).blocked }
  }

  async devices(handle: string): Promise<DeviceRecord[] | undefined> {
    const { tables } = this.#parts
    return tables.accounts
      .get(handle)
      ?.devices.filter(device => !tables.isRevoked(device))
      .map(recordOf)
  }

  async spendNonce(id: DeviceId, nonce: Uint8Array, until: number): Promise<boolean> {
    const { nonces } = this.#parts.tables
    this.#forgetNonces()
    const key = `${bytesKey(id)} ${bytesKey(nonce)}`
    if (nonces.has(key)) return false
    nonces.set(key, until)
    return true
  }

  /** From the oldest on, up to the first that is still needed: all are kept for about the same time. */
  #forgetNonces(): void {
    const { tables, now } = this.#parts
    for (const [key, until] of tables.nonces) {
      if (until >= now()) return
      tables.nonces.delete(key)
    }
  }
}

function recordOf({ id, account: { handle, accountKey } }: DeviceRow): DeviceRecord {
  return { handle, accountKey, deviceId: id }
}

const accountOf = ({ handle, accountKey, deviceList, removals }: AccountRow): AccountRecord => ({
  handle,
  accountKey,
  deviceList,
  removals,
})

const sizeOf = ({ deviceList, removals }: Pick<AccountRow, 'deviceList' | 'removals'>): number =>
  removals.reduce((bytes, removal) => bytes + removal.length, deviceList.length)
