// Why the line to the server is down, or stopped.

import type { ProbeReason, RpcCode } from '../../rpc/error.js'
import type { VaultCause } from './vault-cause.js'

export type { ProbeReason } from '../../rpc/error.js'

/** It is tried again by itself. */
export type DownCause =
  /** `address`: HOST:PORT. */
  | { code: 'unreachable'; address: string; why: ProbeReason }
  | { code: 'no-answer' }
  /** `offsetMs`: this machine's clock minus the server's. */
  | { code: 'clock'; offsetMs: number; serverTime: Date }
  /** So long nothing was heard. */
  | { code: 'silent'; seconds: number }
  /** The server has ended it; it is shutting down; it gives numbers that no server gives. */
  | { code: 'ended' | 'shutting-down' | 'wrong-numbers' }
  /** It says that the account has ended this device, and shows nothing yet that says so. */
  | { code: 'said-revoked' }
  /** There is none at the moment. `address`: of the server; '' where none is known. */
  | { code: 'no-line'; address: string }
  /** Another failure of a call; `message`: as the server or the network says it. */
  | { code: 'call-failed'; status: RpcCode; message: string }

/** It is not tried again: a person has to do something. */
export type StopCause =
  /** Fingerprints of the key that was pinned, or that an invite link names, and of the one that is shown. */
  | { code: 'server-changed'; address: string; pinned: string; seen: string }
  | { code: 'server-not-invited'; address: string; invited: string; seen: string }
  /** An authority vouched for its certificate under the name `host`, and does not, or not under that name. */
  | { code: 'server-not-vouched'; address: string; host: string; seen: string }
  | { code: 'no-server' }
  | { code: 'handle-taken' | 'handle-reserved'; handle: string }
  /** `rule`: of the server, in its words. */
  | { code: 'handle-invalid'; handle: string; rule: string }
  | { code: 'too-many-devices'; limit: number }
  | { code: 'invite-needed' | 'invite-invalid' | 'registration-closed' }
  /** The server does not register this device, for a reason that this version does not know. */
  | { code: 'not-registered'; handle: string }
  | { code: 'superseded' | 'banned' }
  /** The account has ended this device: its list, or a removal, says so. */
  | { code: 'revoked' }
  /** The server leaves this device out, and shows nothing that holds. */
  | { code: 'left-out'; handle: string }
  /** No list names this device yet: a person has to see which others there are, and agree. */
  | { code: 'not-listed'; handle: string }
  /** It is not the server that the account, or an invite link, is of: its id is another. */
  | { code: 'other-server-id'; address: string }
  /** `message`: as the server says it. */
  | { code: 'protocol-version'; message: string }
  | { code: 'unknown-answer' }
  | { code: 'vault'; vault: VaultCause }
  /** By this end. */
  | { code: 'closed' }

/** Causes by what follows from them. */
export type StopReason =
  | 'server-changed'
  | 'handle-taken'
  | 'handle-invalid'
  | 'handle-reserved'
  | 'too-many-devices'
  | 'superseded'
  | 'revoked'
  | 'left-out'
  | 'not-listed'
  | 'banned'
  | 'invite-needed'
  | 'registration-closed'
  | 'protocol-version'
  | 'vault'
  | 'closed'
