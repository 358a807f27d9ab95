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
import { keyText } from '../../services/protocol/keys.js'
import { RpcError } from '../../services/rpc/error.js'
import { shownList } from './device-lists.js'
import { claimedDevice } from './endpoint-groups.js'

export class FakeDirectory {
  /** By handle: the devices that are listed. */
  readonly devices = new Map<string, NewAccount[]>()
  /** By handle: the list that was shown last, by its devices, and its number. */
  readonly #shown = new Map<string, { names: string; number: number }>()
  /** Every call, as it was made. */
  readonly calls: KeyExchangeParts[] = []
  /** The further answers. */
  held: { keyPackagesLeft: number; hasLastResort: boolean } = { keyPackagesLeft: 0, hasLastResort: false }
  /** Claims of one call that are answered; the others are to be made later. */
  claimsAnswered = Number.POSITIVE_INFINITY
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
      lookups: (parts.lookupHandles ?? []).map(handle => this.#lookUp(handle)),
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
    const [{ handle }] = devices as [NewAccount]
    const names = devices.map(({ device }) => keyText(device.publicKey)).join()
    const before = this.#shown.get(handle) ?? { names: '', number: 0 }
    const number = before.names === names ? before.number : before.number + 1
    this.#shown.set(handle, { names, number })
    const { deviceList, removals } = shownList(devices, { number })
    return { deviceList, removals: [...removals] }
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
