import { RpcError } from '../../rpc/error.js'
import type { DownCause, StopCause, StopReason } from './line-cause.js'

const REASONS: Record<StopCause['code'], StopReason> = {
  'server-changed': 'server-changed',
  'server-not-invited': 'server-changed',
  'server-not-vouched': 'server-changed',
  'no-server': 'server-changed',
  'handle-taken': 'handle-taken',
  'handle-reserved': 'handle-reserved',
  'handle-invalid': 'handle-invalid',
  'not-registered': 'handle-invalid',
  'too-many-devices': 'too-many-devices',
  'invite-needed': 'invite-needed',
  'invite-invalid': 'invite-needed',
  'registration-closed': 'registration-closed',
  superseded: 'superseded',
  revoked: 'revoked',
  'left-out': 'left-out',
  'not-listed': 'not-listed',
  'other-server-id': 'server-changed',
  banned: 'banned',
  'protocol-version': 'protocol-version',
  'unknown-answer': 'protocol-version',
  vault: 'vault',
  closed: 'closed',
}

/** The line cannot go on by itself: a person has to do something. */
export class LineStopped extends Error {
  override name = 'LineStopped'
  constructor(readonly why: StopCause) {
    super(why.code)
  }

  get reason(): StopReason {
    return REASONS[this.why.code]
  }
}

/** This end finds the line down; that it is tried again may help. */
export class LineDown extends RpcError {
  constructor(readonly why: Exclude<DownCause, { code: 'call-failed' | 'unreachable' }>) {
    super(why.code === 'wrong-numbers' ? 'INTERNAL' : 'UNAVAILABLE', why.code)
  }
}
