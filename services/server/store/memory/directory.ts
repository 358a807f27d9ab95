import { bytesKey } from '../../bytes.js'
import { decideRegistration, REVOKED_BEFOREHAND, type RegistrationFacts } from '../account-rules.js'
import type {
  DeviceId,
  DeviceRecord,
  Directory,
  RegisteredDevice,
  RegisterOutcome,
  RegisterTerms,
} from '../store.js'
import type { MemoryParts } from './parts.js'
import type { AccountRow, DeviceRow } from './tables.js'

/** About what a device costs beside its certificate. */
const DEVICE_BYTES = 1_024

export class MemoryDirectory implements Directory {
  readonly #parts: MemoryParts

  constructor(parts: MemoryParts) {
    this.#parts = parts
  }

  async register(device: DeviceRecord, terms: RegisterTerms): Promise<RegisterOutcome> {
    const { tables, room } = this.#parts
    const outcome = decideRegistration(device, terms, this.#facts(device, terms))
    if (outcome !== 'registered' && outcome !== 'added') return outcome
    const bytes = device.certificate.length + DEVICE_BYTES
    room.require(bytes)
    room.take(bytes)
    tables.addDevice({
      handle: device.handle,
      accountKey: device.accountKey.slice(),
      id: device.deviceId.slice(),
      certificate: device.certificate.slice(),
    })
    if (outcome === 'registered' && terms.newAccounts === 'invite' && terms.inviteHash)
      tables.invites.delete(bytesKey(terms.inviteHash))
    return outcome
  }

  #facts({ handle, deviceId }: DeviceRecord, { inviteHash }: RegisterTerms): RegistrationFacts {
    const { tables, now, limits } = this.#parts
    const account = tables.accounts.get(handle)
    const inviteUntil = inviteHash ? (tables.invites.get(bytesKey(inviteHash)) ?? 0) : 0
    return {
      banned: tables.isBanned({ handle }) || tables.isBanned({ deviceId }),
      account: account && { accountKey: account.accountKey, devices: this.#usable(account).length },
      registeredAs: tables.device(deviceId)?.account.handle,
      revoked: account?.revoked.has(bytesKey(deviceId)) ?? false,
      inviteHolds: inviteUntil > now(),
      devicesPerAccount: limits.devicesPerAccount,
    }
  }

  async device(id: DeviceId): Promise<RegisteredDevice | undefined> {
    const row = this.#parts.tables.device(id)
    return row && { ...recordOf(row), blocked: this.#parts.tables.factsOf(row).blocked }
  }

  async devices(handle: string): Promise<DeviceRecord[] | undefined> {
    const account = this.#parts.tables.accounts.get(handle)
    return account && this.#usable(account).map(recordOf)
  }

  /** Those that are not revoked. */
  #usable(account: AccountRow): DeviceRow[] {
    return account.devices.filter(device => !this.#parts.tables.isRevoked(device))
  }

  async revoke(
    { handle, accountKey }: Pick<DeviceRecord, 'handle' | 'accountKey'>,
    ids: readonly DeviceId[],
  ): Promise<DeviceId[]> {
    const account = this.#parts.tables.accounts.get(handle)
    if (!account || bytesKey(account.accountKey) !== bytesKey(accountKey)) return []
    return ids.filter(id => this.#revokeOne(account, id))
  }

  /** Whether the device was registered and not revoked until now. */
  #revokeOne(account: AccountRow, id: DeviceId): boolean {
    const device = account.devices.find(each => bytesKey(each.id) === bytesKey(id))
    const isNew = !account.revoked.has(bytesKey(id))
    if (device || account.revoked.size < REVOKED_BEFOREHAND) account.revoked.add(bytesKey(id))
    if (!device || !isNew) return false
    for (const { keyPackage } of device.stock.values()) this.#parts.room.giveBack(keyPackage.length)
    device.stock.clear()
    device.lastResort = undefined
    return true
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

function recordOf({ id, certificate, account: { handle, accountKey } }: DeviceRow): DeviceRecord {
  return { handle, accountKey, deviceId: id, certificate }
}
