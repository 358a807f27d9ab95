import { ConversationKind } from '../../../../gen/parley/content/v1/chain_pb.js'
import type { ClaimedDevice, KeyExchanged } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { equalBytes } from '../../../protocol/bytes.js'
import { sameKey } from '../../../protocol/keys.js'
import type { Context, RunTransaction } from '../../context.js'
import { createFixedGroup, mayFound, ownInvitees } from '../../groups/create.js'
import type { KeyExchangeParts } from '../../line/connection.js'
import { queueCommit } from '../../messages/sealing/outbox.js'
import type { Scheduler } from '../scheduler.js'
import type { UsedDevice } from './known-lists.js'
import { needsOwnGroup } from './reconcile.js'

/** Milliseconds that a device waits for each older one to make the group of own devices. */
const TURN_MS = 2_000

interface OwnGroupOptions {
  /** The saved state. */
  context: Context
  transaction: RunTransaction
  /** Throws RpcError or LineStopped. */
  exchange(parts: KeyExchangeParts): Promise<KeyExchanged>
  scheduler: Pick<Scheduler, 'after'>
  nudge(): void
  /** Looks the devices of the account up again. */
  lookAgain(): void
}

/** Makes the group of own devices where there is none: the oldest device at once, the others where it does not. */
export class OwnGroup {
  /** When this device makes it, in ms since 1970. */
  #dueAt: number | undefined

  constructor(private readonly options: OwnGroupOptions) {}

  /** `listed`: the account's devices as the server has them. Throws VaultError, RpcError and LineStopped. */
  async look(listed: readonly UsedDevice[]): Promise<void> {
    const { context, exchange } = this.options
    const { handle } = context.account
    if (!mayFound(context) || !needsOwnGroup(context, listed)) {
      this.#dueAt = undefined
      return
    }
    const now = context.clock.now()
    this.#dueAt ??= now + this.#turn() * TURN_MS
    if (this.#dueAt > now) return this.#lookAgain(this.#dueAt - now)
    const outcome = (await exchange({ claimHandles: [handle] })).claims[0]?.outcome
    const isUsed = ({ deviceKey }: ClaimedDevice) =>
      listed.some(device => equalBytes(device.deviceKey, deviceKey))
    if (outcome?.case === 'devices') await this.#make(outcome.value.devices.filter(isUsed), listed)
    // A device that has no key packages yet, or a group that the server refuses: again, and not at once.
    this.#dueAt = context.clock.now() + TURN_MS
    this.#lookAgain(TURN_MS)
  }

  restart(): void {
    this.#dueAt = undefined
  }

  #lookAgain(ms: number): void {
    this.options.scheduler.after(ms + 1, () => this.options.lookAgain())
  }

  /** How many devices of the account come before this one. */
  #turn(): number {
    const { account, devices } = this.options.context
    return devices
      .all()
      .filter(({ deviceId }) => !devices.isRevoked(deviceId))
      .findIndex(({ deviceId }) => sameKey(deviceId, account.device.publicKey))
  }

  async #make(claimed: readonly ClaimedDevice[], listed: readonly UsedDevice[]): Promise<void> {
    await this.options.transaction(async ({ context, outbox, tx }) => {
      if (!needsOwnGroup(context, listed)) return
      const invitees = await ownInvitees(context, claimed)
      if (invitees.length === 0) return
      const conversation = context.conversations.openOwnDevices(tx)
      const accounts = [context.account.account.publicKey]
      const kind = ConversationKind.OWN_DEVICES
      const made = await createFixedGroup(context, tx, { kind, accounts, conversation, invitees })
      queueCommit(outbox, tx, made.group.number, made)
      tx.after(() => this.options.nudge())
    })
  }
}
