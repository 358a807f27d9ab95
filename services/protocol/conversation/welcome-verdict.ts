// Whether a device joins the group that it is welcomed to. This is its own affair, so what it knows counts.

import { equalBytes } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import type { DeviceKey } from '../keys.js'
import { goesOnFrom } from './chain/chain.js'
import { isFixedKind } from './chain/conversation-id.js'
import { forgets, type KnownGroup, type SuccessorFault, successorFault } from './successor.js'
import {
  type OpenedWelcome,
  readWelcomed,
  requireLeaf,
  type WelcomedGroup,
  type WelcomeFault,
  WelcomeRefused,
} from './welcomed-group.js'

/** A group that the device is in or was in, as it knows it last. */
export interface OwnGroup extends KnownGroup {
  epoch: bigint
  /** It was removed from the group, as it saw itself, or its account left. */
  isOut: boolean
  /** The last epoch in its request to rejoin that is open; undefined where none is. */
  askedAt: bigint | undefined
}

export type JoinReason =
  /** It knew nothing of the conversation. */
  | 'first'
  /** It had asked for it. */
  | 'rejoin'
  /** It was out, and is in again. */
  | 'return'
  /** The conversation goes on in this group. */
  | 'successor'
  /** Another group of a conversation without a chain: both sides began one. */
  | 'parallel'

export type WelcomeRefusal =
  | WelcomeFault
  /** It is in that group and did not ask. */
  | { code: 'not-asked' }
  /** It knows a group of a higher incarnation, or another one of this. */
  | { code: 'outdated' }
  | { code: SuccessorFault }

type WelcomeVerdict =
  | ({ isTaken: true; reason: JoinReason } & WelcomedGroup)
  | { isTaken: false; why: WelcomeRefusal }

/** `known`: all groups that the device knows, or those of this conversation and that with this id at least. */
export function judgeWelcome(
  crypto: CryptoProvider,
  welcome: OpenedWelcome,
  { deviceKey, known }: { deviceKey: DeviceKey; known: readonly OwnGroup[] },
): WelcomeVerdict {
  try {
    const welcomed = readWelcomed(crypto, welcome)
    requireLeaf(welcomed.held, deviceKey)
    const reason = reasonOf(welcomed, known)
    if (typeof reason === 'string') return { isTaken: true, reason, ...welcomed }
    return { isTaken: false, why: reason }
  } catch (error) {
    if (error instanceof WelcomeRefused) return { isTaken: false, why: error.why }
    throw error
  }
}

function reasonOf(welcomed: WelcomedGroup, known: readonly OwnGroup[]): JoinReason | WelcomeRefusal {
  const { held } = welcomed
  const same = known.find(({ groupId }) => equalBytes(groupId, held.groupId))
  if (same && !equalBytes(same.state.id, held.state.id)) return { code: 'other-conversation' }
  const ours = known.filter(({ state }) => equalBytes(state.id, held.state.id))
  if (ours.length === 0) return 'first'
  if (!ours.every(({ state }) => goesOnFrom(held.state, state))) return { code: 'other-chain' }
  return same ? reasonInSame(welcomed, same) : reasonInOther(welcomed, ours)
}

function reasonInSame({ held }: WelcomedGroup, same: OwnGroup): JoinReason | WelcomeRefusal {
  if (held.incarnation !== same.incarnation) return { code: 'not-the-next' }
  // A welcome of before, which is delivered again, leads back to an epoch that is over.
  if (same.askedAt !== undefined && held.epoch > same.askedAt) return 'rejoin'
  return same.isOut && held.epoch > same.epoch ? 'return' : { code: 'not-asked' }
}

function reasonInOther(welcomed: WelcomedGroup, ours: readonly OwnGroup[]): JoinReason | WelcomeRefusal {
  const { held } = welcomed
  const top = ours.reduce((one, other) => (other.incarnation > one.incarnation ? other : one))
  if (held.incarnation < top.incarnation) return { code: 'outdated' }
  if (held.incarnation === top.incarnation)
    return isFixedKind(held.state.kind) ? 'parallel' : { code: 'outdated' }
  if (forgets(top, held)) return { code: 'forgotten-list' }
  // Others went on meanwhile, through more than one group perhaps.
  if (ours.some(({ askedAt }) => askedAt !== undefined)) return 'rejoin'
  if (ours.every(({ isOut }) => isOut)) return 'return'
  // One that was begun anew between them may not have come here: nothing can have changed by that.
  if (isFixedKind(held.state.kind)) return 'successor'
  const fault = successorFault(top, welcomed)
  return fault ? { code: fault } : 'successor'
}
