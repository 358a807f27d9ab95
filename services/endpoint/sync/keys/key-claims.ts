// Looks for the people whom this endpoint has a conversation with and no group yet, and opens one with those who are on
// the server; and claims key packages for those who are to be added to groups.

import type { ClaimedDevice, ClaimOutcome, KeyExchanged } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { equalBytes } from '../../../protocol/bytes.js'
import type { Context, RunTransaction } from '../../context.js'
import type { EndpointEvent } from '../../events.js'
import { mayFound } from '../../groups/create.js'
import { accountsIn } from '../../groups/membership.js'
import type { ConversationNumber } from '../../ids.js'
import type { KeyExchangeParts } from '../../line/connection.js'
import { learnList } from '../../messages/lists/learned-lists.js'
import { isStopped } from '../../messages/sealing/seal.js'
import { waitingLines } from '../../messages/sealing/unsent.js'
import { ignoreDownLine } from '../background.js'
import type { Scheduler } from '../scheduler.js'
import type { ChangedKeys } from './changed-keys.js'
import { takeClaim, type Wanted, wantedKeyPackages } from './claims.js'
import { establish } from './establish.js'
import { handleOf } from './pins.js'
import { brokenGroups, succeed } from './succeed.js'

/** How often one person is looked for at most, in ms: every time uses up a key package of theirs. */
const LOOK_AGAIN_MS = 15_000
/** Handles whose key packages are claimed in one call: each may have 16 devices, and the answer is one gRPC message. */
const CLAIMS_AT_ONCE = 64

interface KeyClaimsOptions {
  /** The saved state. */
  context: Context
  transaction: RunTransaction
  /** Throws RpcError or LineStopped. */
  exchange(parts: KeyExchangeParts): Promise<KeyExchanged>
  changedKeys: Pick<ChangedKeys, 'settle'>
  scheduler: Pick<Scheduler, 'after'>
  nudge(): void
  emit(event: EndpointEvent): void
}

type Devices = readonly ClaimedDevice[]

export class KeyClaims {
  /** Conversations whose people are not due to be looked for. */
  readonly #looked = new Set<ConversationNumber>()
  /** Those whose people were looked for and are not on the server. */
  readonly #absent = new Set<ConversationNumber>()
  readonly #reported = new Set<ConversationNumber>()
  /** Intents whose key packages are being claimed, or were on this line. */
  readonly #claiming = new Set<string>()
  #atOnce = CLAIMS_AT_ONCE

  constructor(private readonly options: KeyClaimsOptions) {}

  /** Looks for everybody who is due. Throws VaultError; what fails because of the line is due again. */
  async run(): Promise<void> {
    const { context, changedKeys } = this.options
    await changedKeys.settle(() => this.#decided()).catch(ignoreDownLine)
    await this.#claimForIntents().catch(ignoreDownLine)
    // A device that its account has ended makes no groups.
    if (!mayFound(context)) return
    await this.#succeedBroken().catch(ignoreDownLine)
    for (const number of context.conversations.unopened()) {
      if (!needsGroup(context, number)) continue
      const handle = handleOf(context, number)
      if (handle && !this.#looked.has(number)) await this.#look(number, handle).catch(ignoreDownLine)
      if (this.#absent.has(number)) this.#tellAbsent(number, context.conversations.peer(number))
    }
  }

  /** A new line, or somebody was accepted: all that were looked for before are due. */
  restart(): void {
    this.#looked.clear()
    this.#claiming.clear()
  }

  /** The server takes so many handles in one call at most; 0: it does not say. */
  limit(claimsPerCall = 0): void {
    this.#atOnce = claimsPerCall > 0 ? Math.min(claimsPerCall, CLAIMS_AT_ONCE) : CLAIMS_AT_ONCE
  }

  #decided(): void {
    this.#looked.clear()
    this.options.nudge()
  }

  async #look(conversation: ConversationNumber, handle: string): Promise<void> {
    const { scheduler, nudge } = this.options
    this.#looked.add(conversation)
    this.#absent.delete(conversation)
    // Also for one who was found: the server may refuse the group, and then this would go round and round.
    scheduler.after(LOOK_AGAIN_MS, () => {
      this.#looked.delete(conversation)
      nudge()
    })
    if (await this.#open(conversation, handle)) nudge()
    else this.#absent.add(conversation)
  }

  /** False: they are not on the server. */
  async #open(conversation: ConversationNumber, handle: string): Promise<boolean> {
    const { context, transaction } = this.options
    // A new group has all devices of this account from its beginning, so that none misses what is said first.
    const [claimed, own = []] = await this.#claim([handle, context.account.handle])
    if (!claimed) return false
    const established = await transaction(async ({ context, tx }) => {
      if (!needsGroup(context, conversation)) return undefined
      return await establish(context, tx, { conversation, claimed, own })
    })
    return established !== 'no-device'
  }

  /** Once, and only to somebody who has written to them, which may be after they were looked for. */
  #tellAbsent(conversation: ConversationNumber, peer: string): void {
    const { context, emit } = this.options
    const isWaiting = waitingLines(context).some(id => id.conversation === conversation)
    if (!isWaiting || this.#reported.has(conversation)) return
    this.#reported.add(conversation)
    emit({ type: 'notice', level: 'info', notice: { code: 'absent', peer } })
  }

  /** Key packages for those who are to be added to rooms, each intent once a line: all of them, for one commit. */
  async #claimForIntents(): Promise<void> {
    const { context, transaction, nudge } = this.options
    const wanted = wantedKeyPackages(context).filter(one => !this.#claiming.has(nameOfIntent(one)))
    if (wanted.length === 0) return
    for (const one of wanted) this.#claiming.add(nameOfIntent(one))
    const claims: (Devices | undefined)[] = []
    while (claims.length < wanted.length) {
      const some = wanted.slice(claims.length, claims.length + this.#atOnce)
      claims.push(...(await this.#claim(some.map(({ handle }) => handle))))
    }
    await transaction(async ({ context, tx }) => {
      for (const [index, one] of wanted.entries()) {
        const group = context.groups.get(one.group.number)
        if (group) await takeClaim(context, tx, { ...one, group }, claims[index])
      }
    })
    for (const one of wanted) this.#claiming.delete(nameOfIntent(one))
    nudge()
  }

  /** Makes the next group of each conversation whose group is broken, where that is this device's turn. */
  async #succeedBroken(): Promise<void> {
    const { context, transaction, nudge } = this.options
    for (const group of brokenGroups(context)) {
      const handles = accountsIn(context, group).map(({ handle }) => handle)
      const devices: Devices[] = []
      while (devices.length < handles.length) {
        const some = handles.slice(devices.length, devices.length + this.#atOnce)
        devices.push(...(await this.#claim(some)).map(claimed => claimed ?? []))
      }
      const claimed = new Map(handles.map((handle, index) => [handle, devices[index]!]))
      await transaction(({ context, tx }) => succeed(context, tx, group.number, claimed))
      nudge()
    }
  }

  /** For each handle its devices; undefined: nobody goes by it. */
  async #claim(handles: readonly string[]): Promise<(Devices | undefined)[]> {
    const found: (Devices | undefined)[] = []
    while (found.length < handles.length) {
      const claimHandles = handles.slice(found.length)
      const { claims } = await this.options.exchange({ claimHandles })
      // An answer that had no room for all begins with those that it had room for.
      const later = claims.findIndex(({ outcome }) => outcome.case === 'later')
      // One with room for none comes from a server that does not keep to the contract.
      const answered = later > 0 ? later : claimHandles.length
      found.push(...(await this.#taken(claims.slice(0, answered), claimHandles.slice(0, answered))))
    }
    return found
  }

  /** Of each of the claims the devices that the account's list has in use; undefined: nobody goes by the handle. */
  async #taken(
    claims: readonly ClaimOutcome[],
    handles: readonly string[],
  ): Promise<(Devices | undefined)[]> {
    return await this.options.transaction(({ context, tx }) =>
      handles.map((handle, index) => {
        const outcome = claims[index]?.outcome
        if (outcome?.case === 'unknown') return undefined
        // An answer that was not taken.
        if (outcome?.case !== 'devices') return []
        const { account, devices } = outcome.value
        const state = account && context.lists.read(account)
        if (state?.list.handle !== handle) return []
        learnList(context, tx, state)
        const used = context.lists.inUse(state.list.accountKey) ?? []
        return devices.filter(device => used.some(({ deviceKey }) => equalBytes(deviceKey, device.deviceKey)))
      }),
    )
  }
}

const nameOfIntent = ({ group, id }: Wanted): string => `${group.number} ${id}`

function needsGroup(
  context: Pick<Context, 'contacts' | 'conversations' | 'groups'>,
  conversation: ConversationNumber,
): boolean {
  const { groups, conversations } = context
  // Another device of this account is in the group of one that came with a history, and adds this one.
  if (conversations.kind(conversation) !== 'direct' || conversations.isFromHistory(conversation)) return false
  if (isStopped(context, conversation)) return false
  return groups.of(conversation).every(({ phase }) => phase.name === 'ended')
}
