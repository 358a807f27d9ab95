import type { KeyExchanged } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { toHex } from '../../../protocol/bytes.js'
import type { AccountKey } from '../../../protocol/keys.js'
import { changeOf } from '../../contacts/handles.js'
import type { KeyChangePolicy } from '../../contacts/trust.js'
import type { Context, RunTransaction } from '../../context.js'
import type { KeyExchangeParts } from '../../line/connection.js'
import { settleChange } from './key-changes.js'

interface ChangedKeysOptions {
  /** The saved state. */
  context: Pick<Context, 'contacts' | 'lists'>
  transaction: RunTransaction
  /** Throws RpcError or LineStopped. */
  exchange(parts: KeyExchangeParts): Promise<KeyExchanged>
  policy: KeyChangePolicy
}

/** Looks into account keys that have changed: whose the handle is, the server says. */
export class ChangedKeys {
  /** Were looked into, and wait for a person. */
  readonly #waiting = new Set<string>()

  constructor(private readonly options: ChangedKeysOptions) {}

  /**
   * `onDecided` is called for each to whom sending goes on. Throws VaultError, and RpcError and LineStopped, after which
   * they are due again.
   */
  async settle(onDecided: () => void): Promise<void> {
    for (const record of this.options.context.contacts.handles.changed()) {
      const change = changeOf(record)
      const name = change && `${record.handle} ${toHex(change.seen)}`
      if (!name || this.#waiting.has(name)) continue
      // Not again while this is under way, either.
      this.#waiting.add(name)
      const decided = await this.#settleOne(record.handle).catch(error => {
        this.#waiting.delete(name)
        throw error
      })
      if (!decided) continue
      this.#waiting.delete(name)
      onDecided()
    }
  }

  async #settleOne(handle: string): Promise<boolean> {
    const { context, exchange, transaction, policy } = this.options
    const listed = listedKeys(context, await exchange({ lookupHandles: [handle] }), handle)
    return await transaction(({ context, tx }) => settleChange(context, tx, handle, { listed, policy }))
  }
}

/** The account key whose list the server shows for a handle. */
function listedKeys(
  { lists }: Pick<Context, 'lists'>,
  { lookups }: KeyExchanged,
  handle: string,
): AccountKey[] {
  const outcome = lookups[0]?.outcome
  const shown = outcome?.case === 'devices' ? lists.read(outcome.value) : undefined
  return shown?.list.handle === handle ? [shown.list.accountKey] : []
}
