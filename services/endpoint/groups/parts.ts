import type { AccountDevices } from '../../protocol/identity/devices-in-use.js'
import type { OwnAccount } from '../contacts/account.js'
import type { AccountKey, DeviceKey } from '../ids.js'
import type { Engine } from '../mls/engine.js'
import type { WelcomeOpener } from '../mls/welcome-opener.js'
import type { Clock, Random } from '../ports.js'
import type { Reader } from '../vault/records.js'
import type { IntentList } from './intent-list.js'
import type { Groups } from './state/groups.js'

/** The parts that this room has and is given; each function names those that it uses. */
export interface GroupParts {
  readonly account: OwnAccount
  readonly clock: Clock
  /** This account's devices. */
  readonly devices: {
    isRevoked(deviceId: DeviceKey): boolean
    /** The senior ones first. */
    all(): readonly { readonly deviceId: DeviceKey }[]
  }
  readonly engine: Engine
  readonly groups: Groups
  readonly intents: IntentList
  /** All that is known here of the devices of accounts. */
  readonly lists: {
    get(account: AccountKey): AccountDevices | undefined
    /** The newest list of an account, for a leaf of this device. */
    leafData(account: AccountKey): Uint8Array | undefined
  }
  readonly random: Random
  readonly records: Reader
  readonly welcomes: WelcomeOpener
}
