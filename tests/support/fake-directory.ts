// The server's directory of keys, as a device calls it: what it lists and hands out is the test's to say.

import { create } from '@bufbuild/protobuf'
import {
  type ClaimOutcome,
  ClaimOutcomeSchema,
  type KeyExchanged,
  KeyExchangedSchema,
  type LookupOutcome,
  LookupOutcomeSchema,
} from '../../gen/parley/v1/key_exchange_pb.js'
import type { NewAccount } from '../../services/endpoint/contacts/account.js'
import type { KeyExchangeParts } from '../../services/endpoint/line/connection.js'
import type { Engine } from '../../services/endpoint/mls/engine.js'
import { type DeviceKey, keyText } from '../../services/protocol/keys.js'
import { RpcError } from '../../services/rpc/error.js'
import { claimedDevice } from './endpoint-groups.js'
import { listOf, relist } from './known-accounts.js'

export class FakeDirectory {
  /** By handle: the devices that are listed. */
  readonly devices = new Map<string, NewAccount[]>()
  /** Every call, as it was made. */
  readonly calls: KeyExchangeParts[] = []
  /** The further answers. */
  held: { keyPackagesLeft: number; hasLastResort: boolean } = { keyPackagesLeft: 0, hasLastResort: false }
  /** Claims of one call that are answered; the others are to be made later. */
  claimsAnswered = Number.POSITIVE_INFINITY
  /** The same of look-ups. */
  lookupsAnswered = Number.POSITIVE_INFINITY
  /** The line is down from this call on. */
  downAt = Number.POSITIVE_INFINITY

  constructor(
    private readonly engine: Engine,
    private readonly caller: NewAccount,
  ) {
    this.list(caller)
  }

  list(...accounts: NewAccount[]): void {
    for (const account of accounts)
      this.devices.set(account.handle, [...(this.devices.get(account.handle) ?? []), account])
  }

  readonly exchange = async (parts: KeyExchangeParts): Promise<KeyExchanged> => {
    this.calls.push(parts)
    if (this.calls.length >= this.downAt) throw new RpcError('UNAVAILABLE', 'the line is down')
    return create(KeyExchangedSchema, {
      ...this.held,
      lookups: (parts.lookupHandles ?? []).map((handle, index) =>
        index < this.lookupsAnswered
          ? this.#lookUp(handle)
          : create(LookupOutcomeSchema, { handle, outcome: { case: 'later', value: {} } }),
      ),
      claims: await Promise.all(
        (parts.claimHandles ?? []).map((handle, index) =>
          index < this.claimsAnswered ? this.#claim(handle) : later(handle),
        ),
      ),
    })
  }

  #lookUp(handle: string): LookupOutcome {
    const devices = this.devices.get(handle)
    if (!devices) return create(LookupOutcomeSchema, { handle, outcome: { case: 'unknown', value: {} } })
    return create(LookupOutcomeSchema, {
      handle,
      outcome: { case: 'devices', value: this.#accountOf(devices) },
    })
  }

  /** A newer list wherever they are others than before. */
  #accountOf(devices: readonly NewAccount[]) {
    const [first] = devices as [NewAccount]
    const names = (keys: readonly DeviceKey[]) => keys.map(keyText).join()
    const keys = devices.map(({ device }) => device.publicKey)
    const newest = listOf(first)
    const isSame = names(newest.devices.map(({ deviceKey }) => deviceKey)) === names(keys)
    const { encoded: deviceList } = isSame ? newest : relist(first, keys)
    return { deviceList, removals: [] }
  }

  async #claim(handle: string): Promise<ClaimOutcome> {
    const devices = this.devices.get(handle)
    if (!devices) return create(ClaimOutcomeSchema, { handle, outcome: { case: 'unknown', value: {} } })
    // The calling device is left out of its own account's.
    const others = devices.filter(device => device !== this.caller)
    const claimed = await Promise.all(others.map(device => claimedDevice(this.engine, device)))
    return create(ClaimOutcomeSchema, {
      handle,
      outcome: { case: 'devices', value: { devices: claimed, account: this.#accountOf(devices) } },
    })
  }
}

function later(handle: string): ClaimOutcome {
  return create(ClaimOutcomeSchema, { handle, outcome: { case: 'later', value: {} } })
}
