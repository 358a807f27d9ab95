// All that this device knows of the devices of accounts: the newest list of each, as far as it has seen, and the removals
// beside it. It goes by signatures alone, so that nobody else's word makes a device or ends one.

import type { AccountDevices as DevicesMessage } from '../../../gen/parley/v1/identity_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { encodeLeafList } from '../../protocol/conversation/leaves.js'
import { fitsList, fitsRemoval } from '../../protocol/conversation/ledger.js'
import { IdentityError } from '../../protocol/error.js'
import { isTimelyNumber, type ListedDevice, readDeviceList } from '../../protocol/identity/device-list.js'
import { readRemovalsOf } from '../../protocol/identity/device-removal.js'
import {
  type AccountDevices,
  accountDevicesInUse,
  knownDevices,
  type ListChange,
  type ListState,
  learnDevices,
} from '../../protocol/identity/devices-in-use.js'
import type { AccountKey } from '../../protocol/keys.js'
import { crypto } from '../crypto.js'
import type { Clock } from '../ports.js'
import { at, inUnit, type Reader, type RecordOf, type Transaction } from '../vault/records.js'

/** An account's devices, as they are handed on. */
export type Shown = Pick<DevicesMessage, 'deviceList' | 'removals'>

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class AccountLists {
  constructor(
    private readonly reader: Reader,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly learned = { times: 0 },
  ) {}

  /** How often something was learned since the start: what was worked out of the lists holds until it is another number. */
  get changes(): number {
    return this.learned.times
  }

  /** undefined: no list of the account is known. */
  get(account: AccountKey): AccountDevices | undefined {
    const record = this.#record(account)
    return record && stateOf(record)
  }

  /** Those of all lists that hold, the most senior first; undefined: no list is known. */
  inUse(account: AccountKey): ListedDevice[] | undefined {
    const known = this.get(account)
    return known && accountDevicesInUse(known)
  }

  /** The newest list, as each leaf that this device makes for its account names it; undefined: no list is known. */
  leafData(account: AccountKey): Uint8Array | undefined {
    const newest = this.get(account)?.lists[0].list
    return newest && encodeLeafList(newest)
  }

  /** To hand on. */
  shown(account: AccountKey): Shown | undefined {
    const [first] = this.get(account)?.lists ?? []
    return first && { deviceList: first.list.encoded, removals: first.removals.map(({ encoded }) => encoded) }
  }

  /**
   * Verifies a list and its removals, wherever they come from. undefined: it does not hold, or is of another server, or
   * its number is too far in the future, or no group has room for it. Such removals are left out: a device counts as ended
   * here if groups can be told so.
   */
  read({ deviceList, removals }: Shown): ListState | undefined {
    try {
      const list = readDeviceList(crypto, deviceList)
      const known = this.get(list.accountKey)?.lists[0].list.number
      if (!this.#isOurServer(list.serverId) || !fitsList(list)) return undefined
      if (!isTimelyNumber(list.number, { known, nowMs: this.clock.now() })) return undefined
      return { list, removals: readRemovalsOf(crypto, list, removals).filter(fitsRemoval) }
    } catch (error) {
      if (error instanceof IdentityError) return undefined
      throw error
    }
  }

  /** Takes in what `read` has read. `isDue`: the server is to be told. */
  learn(tx: Transaction, come: ListState, { isDue = false } = {}): ListChange | 'first' {
    inUnit(this.reader, tx)
    const account = come.list.accountKey
    const before = this.#record(account)
    const known = before && stateOf(before)
    const { devices, change } = known
      ? learnDevices(known, come)
      : { devices: knownDevices(come), change: 'first' as const }
    if (change === 'none') return change
    this.learned.times++
    tx.put('lists', this.#key(account), {
      lists: devices.lists.map(({ list, removals }) => ({
        deviceList: list.encoded,
        removals: removals.map(({ encoded }) => encoded),
      })),
      isCompared: false,
      isDue: isDue || before?.isDue === true,
    })
    return change
  }

  isCompared(account: AccountKey): boolean {
    return this.#record(account)?.isCompared === true
  }

  /** This device's groups were compared with them. */
  noteCompared(tx: Transaction, account: AccountKey): void {
    this.#change(tx, account, { isCompared: true })
  }

  isDue(account: AccountKey): boolean {
    return this.#record(account)?.isDue === true
  }

  /** The server knows. */
  noteTold(tx: Transaction, account: AccountKey): void {
    this.#change(tx, account, { isDue: false })
  }

  #change(
    tx: Transaction,
    account: AccountKey,
    change: Partial<Pick<RecordOf<'lists'>, 'isCompared' | 'isDue'>>,
  ): void {
    const record = tx.get('lists', this.#key(account))
    if (record) tx.put('lists', this.#key(account), { ...record, ...change })
  }

  #record(account: AccountKey): RecordOf<'lists'> | undefined {
    return this.reader.get('lists', this.#key(account))
  }

  #key(account: AccountKey) {
    return at(this.reader.numberOf('account', account))
  }

  #isOurServer(id: Uint8Array): boolean {
    const known = this.reader.get('server', at(0n))?.serverId
    return known === undefined || known.length === 0 || equalBytes(known, id)
  }
}

/** As they were read. */
const states = new WeakMap<object, AccountDevices>()

/** All of it was verified before it was kept. */
function stateOf(record: RecordOf<'lists'>): AccountDevices {
  const known = states.get(record)
  if (known) return known
  const [first, ...others] = record.lists.map(({ deviceList, removals }) => {
    const list = readDeviceList(crypto, deviceList)
    return { list, removals: readRemovalsOf(crypto, list, removals) }
  })
  const state: AccountDevices = { lists: [first!, ...others] }
  states.set(record, state)
  return state
}
