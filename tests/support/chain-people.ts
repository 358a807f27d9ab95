// People with devices and lists, and what they do in conversations, for tests of the chain and of commits.

import type { SignedChainEntry } from '../../gen/parley/content/v1/chain_pb.js'
import type { Change } from '../../services/protocol/conversation/chain/change.js'
import { makeEntry, readEntry } from '../../services/protocol/conversation/chain/entry.js'
import { makeLeave, readLeave } from '../../services/protocol/conversation/chain/leave-statement.js'
import {
  type ConversationState,
  memberOf,
  stateAfter,
} from '../../services/protocol/conversation/chain/state.js'
import type { Leaf } from '../../services/protocol/conversation/leaves.js'
import type { HeldAccount } from '../../services/protocol/conversation/ledger.js'
import type { CryptoProvider } from '../../services/protocol/crypto.js'
import { makeCertificate } from '../../services/protocol/identity/certificate.js'
import {
  type DeviceList,
  makeDeviceList,
  readDeviceList,
} from '../../services/protocol/identity/device-list.js'
import { makeDeviceRemoval } from '../../services/protocol/identity/device-removal.js'
import { knownDevices } from '../../services/protocol/identity/devices-in-use.js'
import {
  type AccountKey,
  type AccountKeys,
  accountKeys,
  type DeviceKey,
  type DeviceKeys,
  deviceKeys,
  sameKey,
} from '../../services/protocol/keys.js'
import { keyPairOf } from '../../services/protocol/signature.js'

const NOW = 1_800_000_000_000
export const SERVER_ID = new Uint8Array(16).fill(9)
/** Another server, which people may be on by the same words. */
export const ELSEWHERE = new Uint8Array(16).fill(8)
export const SETTINGS = { name: 'ops', topic: '', historyDays: 0 }

export interface Device {
  pair: DeviceKeys
  key: DeviceKey
  certificate: Uint8Array
}

/** An account whose newest list is `list`. */
export class Person {
  readonly account: AccountKeys
  readonly devices: Device[] = []
  list: { read: DeviceList; encoded: Uint8Array }

  /** `seed`: below 2^16, another one for each person. */
  constructor(
    readonly crypto: CryptoProvider,
    readonly seed: number,
    devices = 1,
  ) {
    this.account = accountKeys(keyPairOf(crypto, seedOf(seed, 0)))
    for (let at = 0; at < devices; at++) this.addDevice()
    this.list = this.listOf(this.devices)
  }

  get key(): AccountKey {
    return this.account.publicKey
  }

  get first(): Device {
    return this.devices[0]!
  }

  /** A new device with a certificate, which no list names yet. */
  addDevice(): Device {
    const pair = deviceKeys(keyPairOf(this.crypto, seedOf(this.seed, this.devices.length + 1)))
    const certificate = makeCertificate(this.crypto, {
      account: this.account,
      deviceKey: pair.publicKey,
      serverId: SERVER_ID,
      issuedAt: NOW,
    })
    const device = { pair, key: pair.publicKey, certificate }
    this.devices.push(device)
    return device
  }

  /** Signs the next list, of these devices. `issuedAt` tells lists with one number apart. */
  listOf(
    devices: readonly Device[],
    { number = (this.list?.read.number ?? 0) + 1, issuedAt = NOW, serverId = SERVER_ID } = {},
  ) {
    const encoded = makeDeviceList(this.crypto, this.account, {
      handle: `person-${this.seed}`,
      serverId,
      number,
      previous: undefined,
      issuedAt,
      devices: devices.map(({ key }) => ({ deviceKey: key, listedAt: NOW })),
    })
    return { read: readDeviceList(this.crypto, encoded), encoded }
  }

  /** From here on this is the newest list. */
  relist(devices: readonly Device[]): Uint8Array {
    this.list = this.listOf(devices)
    return this.list.encoded
  }

  removal(of: Device, by: Device = this.first): Uint8Array {
    return makeDeviceRemoval(this.crypto, by.pair, {
      list: this.list.read,
      deviceKey: of.key,
      removedAt: NOW,
    })
  }

  leaf(device: Device = this.first, list: { read: DeviceList } = this.list): Leaf {
    const { number, hash, serverId } = list.read
    return { accountKey: this.key, deviceKey: device.key, serverId, list: { number, hash } }
  }

  held(): HeldAccount {
    return { devices: knownDevices({ list: this.list.read, removals: [] }) }
  }

  /** The will to leave, from the stay that the state shows. */
  leaving(state: ConversationState, device: Device = this.first): Change {
    const { added } = memberOf(state, this.key)!
    const { pair, certificate } = device
    const signed = makeLeave(this.crypto, { conversationId: state.id, added, device: pair, certificate })
    return { kind: 'leave', leave: readLeave(this.crypto, signed) }
  }

  /** The device with this key, if it is one of theirs. */
  deviceOf(deviceKey: DeviceKey): Device | undefined {
    return this.devices.find(({ key }) => sameKey(key, deviceKey))
  }
}

function seedOf(person: number, device: number): Uint8Array {
  const seed = new Uint8Array(32).fill(1)
  seed.set([person >> 8, person & 255, device])
  return seed
}

export const GROUP_ID = new Uint8Array(16).fill(7)

/** Entries of one chain as they are made, with the state behind the last one. */
export class ChainWriter {
  state: ConversationState | undefined
  readonly entries: SignedChainEntry[] = []
  groupId = GROUP_ID
  epoch = 0n

  constructor(readonly crypto: CryptoProvider) {}

  /** A signed entry that is not in the chain yet, whatever the rules say. */
  sign(by: Person, change: Change, device: Device = by.first): SignedChainEntry {
    const place = { before: this.state, groupId: this.groupId, epoch: this.epoch }
    const { pair, certificate } = device
    return makeEntry(this.crypto, place, { device: pair, certificate, change })
  }

  /** Signs an entry and puts it into the chain. Throws ChainError where it breaks a rule. */
  write(by: Person, change: Change, device: Device = by.first): ConversationState {
    const signed = this.sign(by, change, device)
    this.state = stateAfter(this.state, readEntry(this.crypto, signed))
    this.entries.push(signed)
    return this.state
  }

  create(by: Person, salt = 1): ConversationState {
    return this.write(by, { kind: 'create', salt: new Uint8Array(16).fill(salt), settings: SETTINGS })
  }

  add(by: Person, ...people: readonly Person[]): ConversationState {
    for (const { key } of people) this.write(by, { kind: 'add', accountKey: key })
    return this.state!
  }
}
