// A group as a welcome shows it: whoever joins works out all of it, and believes nobody.

import type { CryptoProvider } from '../crypto.js'
import { IdentityError } from '../error.js'
import { readDeviceList } from '../identity/device-list.js'
import { readDeviceRemoval } from '../identity/device-removal.js'
import { type DeviceKey, deviceKey, sameKey } from '../keys.js'
import { CONVERSATION_DEVICES } from '../sizes.js'
import { checkChain } from './chain/chain.js'
import { isFixedKind } from './chain/conversation-id.js'
import type { ChainEntry } from './chain/entry.js'
import { ChainError, type ChainReason } from './chain/error.js'
import { type ConversationState, fixedState } from './chain/state.js'
import { decodeGroupState, type GroupStateMessage, isGroupStateOf } from './group-state.js'
import type { HeldGroup } from './held-group.js'
import { decodeJoiner, type JoinerMessage } from './joiner.js'
import { firstWrongLeaf, type Leaf, type LeafFault, leafJudge } from './leaves.js'
import { EMPTY_LEDGER, type Ledger, ofMembers, withLeavesOf, withList, withRemoval } from './ledger.js'

/** A welcome that MLS has opened: its secrets and signatures fit, and nothing of what it says is sure. */
export interface OpenedWelcome {
  groupId: Uint8Array
  epoch: bigint
  /** The extension of the GroupContext; undefined where there is none. */
  groupState: Uint8Array | undefined
  /** The extension of the GroupInfo; undefined where there is none. */
  joiner: Uint8Array | undefined
  leaves: readonly Leaf[]
  /** The device of the leaf that signed the GroupInfo. */
  signer: DeviceKey
}

/** Why a welcome leads to no group in which one could be. */
export type WelcomeFault =
  /** Its GroupState or its Joiner is missing, cannot be read, or has more in it than anybody reads. */
  | { code: 'malformed' }
  | { code: 'chain'; reason: ChainReason }
  /** A device list or a removal does not hold. */
  | { code: 'bad-ledger' }
  /** The GroupState is not that of this chain and this ledger. */
  | { code: 'group-state' }
  | { code: 'too-many-leaves' }
  | { code: 'wrong-leaf'; deviceKey: DeviceKey; why: LeafFault }
  /** The signer has no leaf in it, or the own device has none. */
  | { code: 'no-such-leaf'; deviceKey: DeviceKey }

export class WelcomeRefused extends Error {
  override name = 'WelcomeRefused'
  constructor(
    readonly why: WelcomeFault,
    options?: ErrorOptions,
  ) {
    super(why.code, options)
  }
}

export interface WelcomedGroup {
  held: HeldGroup
  /** The whole chain; empty where there is none. */
  entries: readonly ChainEntry[]
}

/** Throws WelcomeRefused. */
export function readWelcomed(crypto: CryptoProvider, welcome: OpenedWelcome): WelcomedGroup {
  const { groupId, epoch, leaves, signer } = welcome
  const message = welcome.groupState && decodeGroupState(welcome.groupState)
  const joiner = welcome.joiner && decodeJoiner(welcome.joiner)
  if (!message || !joiner) throw new WelcomeRefused({ code: 'malformed' })
  if (leaves.length > CONVERSATION_DEVICES) throw new WelcomeRefused({ code: 'too-many-leaves' })
  const { state, entries } = stateOf(crypto, message, joiner)
  const ledger = ledgerOf(crypto, joiner, state)
  const held = { groupId, epoch, incarnation: message.incarnation, state, ledger, leaves }
  if (!isGroupStateOf(crypto, held, message)) throw new WelcomeRefused({ code: 'group-state' })
  const wrong = firstWrongLeaf(leafJudge(held), leaves)
  if (wrong) throw new WelcomeRefused({ code: 'wrong-leaf', deviceKey: wrong.leaf.deviceKey, why: wrong.why })
  requireLeaf(held, signer)
  return { held, entries }
}

/** Throws WelcomeRefused where the device has no leaf in the group. */
export function requireLeaf({ leaves }: Pick<HeldGroup, 'leaves'>, device: DeviceKey): Leaf {
  const leaf = leaves.find(each => sameKey(each.deviceKey, device))
  if (!leaf) throw new WelcomeRefused({ code: 'no-such-leaf', deviceKey: device })
  return leaf
}

function stateOf(
  crypto: CryptoProvider,
  { kind, accounts }: GroupStateMessage,
  { entries }: JoinerMessage,
): { state: ConversationState; entries: readonly ChainEntry[] } {
  if (isFixedKind(kind)) {
    if (entries.length > 0) throw new WelcomeRefused({ code: 'chain', reason: 'no-chain' })
    return { state: fixedState(crypto, kind, accounts), entries: [] }
  }
  try {
    return checkChain(crypto, entries)
  } catch (cause) {
    if (!(cause instanceof ChainError)) throw cause
    throw new WelcomeRefused({ code: 'chain', reason: cause.reason }, { cause })
  }
}

/** Whether something is missing in it shows by its hash. */
function ledgerOf(
  crypto: CryptoProvider,
  { lists, removals, removed }: JoinerMessage,
  state: ConversationState,
): Ledger {
  try {
    let ledger: Ledger = EMPTY_LEDGER
    for (const encoded of lists) ledger = withList(ledger, readDeviceList(crypto, encoded), encoded) ?? ledger
    for (const encoded of removals) ledger = withRemoval(ledger, readDeviceRemoval(crypto, encoded)) ?? ledger
    return ofMembers(
      withLeavesOf(
        ledger,
        removed.map(each => ({ deviceKey: deviceKey(each.deviceKey), epoch: each.epoch })),
      ),
      state,
    )
  } catch (cause) {
    if (!(cause instanceof IdentityError)) throw cause
    throw new WelcomeRefused({ code: 'bad-ledger' }, { cause })
  }
}
