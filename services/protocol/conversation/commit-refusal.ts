import type { DeviceKey } from '../keys.js'
import type { ChainReason } from './chain/error.js'
import type { LeafFault } from './leaves.js'
import type { RejoinFault } from './rejoin-statement.js'

/** Why a commit is refused, by all members alike. */
export type CommitRefusal =
  /** Its basis or its GroupState cannot be read, or has more in it than anybody reads. */
  | { code: 'malformed' }
  /** The committer has no leaf, or gave it to another device. */
  | { code: 'committer' }
  /** A device list or a removal does not hold. */
  | { code: 'bad-list' | 'bad-removal' }
  /** A device list or a removal changes nothing, or is of an account that is no member. */
  | { code: 'idle-list' | 'idle-removal' }
  /** A device list or a removal is larger than a ledger has room for. */
  | { code: 'large-list' | 'large-removal' }
  /** A device list is of another server than the group's. */
  | { code: 'other-server' }
  /** An entry breaks a rule of the chain. */
  | { code: 'entry'; reason: ChainReason }
  /** An entry is signed by another device than the committer's. */
  | { code: 'foreign-entry'; number: number }
  /** An entry is of another group, or of another epoch. */
  | { code: 'other-group' | 'other-epoch'; number: number }
  /** The device that signed a leave is not in use by its account. */
  | { code: 'leave-not-in-use'; number: number }
  /** Not a request to rejoin that holds. */
  | { code: 'bad-rejoin' }
  /** The request of this device does not count. */
  | { code: 'rejoin'; deviceKey: DeviceKey; why: RejoinFault }
  /** Two requests of this device, or one without the removal of its leaf. */
  | { code: 'idle-rejoin'; deviceKey: DeviceKey }
  /** The leaf that it removes is not there, or is the committer's. */
  | { code: 'no-such-leaf'; deviceKey: DeviceKey }
  /** The leaf that it removes is right, and its device did not ask for it. */
  | { code: 'right-leaf-removed'; deviceKey: DeviceKey }
  /** It leaves this leaf wrong. */
  | { code: 'wrong-leaf'; deviceKey: DeviceKey; why: LeafFault }
  | { code: 'too-many-leaves' }
  /** The GroupState is missing, or is not the one that the commit makes. */
  | { code: 'group-state' }

/** The fault of the committer, not of whoever judges. */
export class CommitRefused extends Error {
  override name = 'CommitRefused'
  constructor(
    readonly why: CommitRefusal,
    options?: ErrorOptions,
  ) {
    super(why.code, options)
  }
}
