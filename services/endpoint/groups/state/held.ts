// All that a group holds besides its MLS state: the chain of its conversation, and the device lists of its accounts. It is
// kept as a welcome carries it (Joiner in proto/parley/content/v1/chain.proto), and was verified where it came in.

import { copyBytes } from '../../../protocol/bytes.js'
import type { ChainEntry } from '../../../protocol/conversation/chain/entry.js'
import type { HeldGroup } from '../../../protocol/conversation/held-group.js'
import { encodeJoiner } from '../../../protocol/conversation/joiner.js'
import { decodeLeafList, type Leaf } from '../../../protocol/conversation/leaves.js'
import { readKept } from '../../../protocol/conversation/welcomed-group.js'
import { parseVerifiedCertificate, readCertificate } from '../../../protocol/identity/certificate.js'
import { crypto } from '../../crypto.js'
import type { Candidate, Engine, GroupState } from '../../mls/engine.js'

export interface Held extends HeldGroup {
  /** The whole chain; empty where there is none. */
  entries: readonly ChainEntry[]
}

/** No other device has seen it: its first commit has not won, or not yet. */
export const hasNotBegun = ({ held }: { readonly held: Pick<Held, 'epoch'> }): boolean => held.epoch === 0n

type Reading = Pick<Engine, 'epoch' | 'groupId' | 'members' | 'settings'>

/** `joiner`: as `keptBytes` has it. Throws WelcomeRefused for bytes that are not of this state. */
export function heldOf(engine: Reading, state: GroupState, joiner: Uint8Array): Held {
  const { held, entries } = readKept(crypto, { ...contextOf(engine, state), joiner })
  return { ...held, entries }
}

/** The chain and the ledger, to be kept. */
export const keptBytes = ({ ledger, entries }: Held): Uint8Array =>
  encodeJoiner(
    ledger,
    entries.map(({ signed }) => signed),
  )

/** The words of a group of itself, in its MLS state. */
export const contextOf = (engine: Reading, state: GroupState) => ({
  groupId: copyBytes(engine.groupId(state)),
  epoch: engine.epoch(state),
  groupState: engine.settings(state),
  leaves: engine.members(state).map(leafOf),
})

/** Takes epoch and leaves from the state; the rest of the group is as it was held. */
export const atState = (engine: Reading, held: Held, state: GroupState): Held => ({
  ...held,
  epoch: engine.epoch(state),
  leaves: engine.members(state).map(leafOf),
})

/** A list that no leaf can name: a leaf that names none is a fault in every group. */
const NO_LIST = { number: Number.MAX_SAFE_INTEGER, hash: new Uint8Array() }

/** The leaf of a member, whose certificate the MLS engine has verified. */
export function leafOf({ identity, signatureKey: deviceKey, leafData }: Candidate): Leaf {
  const { accountKey, serverId } = parseVerifiedCertificate(identity)
  return { accountKey, deviceKey, serverId, list: (leafData && decodeLeafList(leafData)) ?? NO_LIST }
}

/** The same of a newcomer, whose certificate nobody has verified yet. Throws IdentityError. */
export function newLeafOf({ identity, signatureKey: deviceKey, leafData }: Candidate): Leaf {
  const { accountKey, serverId } = readCertificate(crypto, identity)
  return { accountKey, deviceKey, serverId, list: (leafData && decodeLeafList(leafData)) ?? NO_LIST }
}
