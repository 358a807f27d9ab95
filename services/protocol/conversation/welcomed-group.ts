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
import { areOfServer, type HeldGroup } from './held-group.js'
import { decodeJoiner, decodeKept, type JoinerMessage } from './joiner.js'
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
  /** A device list in it is of another server than its signer's leaf. */
  | { code: 'other-server' }
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
  const { leaves, signer } = welcome
  if (leaves.length > CONVERSATION_DEVICES) throw new WelcomeRefused({ code: 'too-many-leaves' })
  const welcomed = readGroup(crypto, welcome, decodeJoiner)
  // The own leaf is one of them: a group of another server has one that is of another server than that.
  const { serverId } = requireLeaf(welcomed.held, signer)
  if (!areOfServer(welcomed.held.ledger.accounts, serverId))
    throw new WelcomeRefused({ code: 'other-server' })
  const wrong = firstWrongLeaf(leafJudge({ ...welcomed.held, serverId }), leaves)
  if (wrong) throw new WelcomeRefused({ code: 'wrong-leaf', deviceKey: wrong.leaf.deviceKey, why: wrong.why })
  return welcomed
}

/** A group that a device has kept: its leaves were judged where they came in. Throws WelcomeRefused for one that is damaged. */
export const readKept = (crypto: CryptoProvider, kept: Omit<OpenedWelcome, 'signer'>): WelcomedGroup =>
  readGroup(crypto, kept, decodeKept)

function readGroup(
  crypto: CryptoProvider,
  welcome: Omit<OpenedWelcome, 'signer'>,
  decode: typeof decodeJoiner,
): WelcomedGroup {
  const { groupId, epoch, leaves } = welcome
  const message = welcome.groupState && decodeGroupState(welcome.groupState)
  const joiner = welcome.joiner && decode(welcome.joiner)
  if (!message || !joiner) throw new WelcomeRefused({ code: 'malformed' })
  const { state, entries } = stateOf(crypto, message, joiner)
  const ledger = ledgerOf(crypto, joiner, state)
  const held = { groupId, epoch, incarnation: message.incarnation, state, ledger, leaves }
  if (!isGroupStateOf(crypto, held, message)) throw new WelcomeRefused({ code: 'group-state' })
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
    for (const encoded of lists) ledger = withList(ledger, readDeviceList(crypto, encoded)) ?? ledger
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
