// Why something cannot be read, and what a person can do about it: the words for every cause.

import type { MlsCause } from '../mls/refused.js'

export interface Unreadable {
  /** Something is missing, rather than here and closed. */
  missing: boolean
  from?: string
  cause: string
  remedy: string
}

export type UnreadableReason =
  | { kind: 'old-epoch' | 'future-epoch' | 'removed' | 'commit' | 'application' }
  | { kind: 'refused'; cause: MlsCause }
  | { kind: 'bad-content' | 'unknown-content'; from: string }
  | { kind: 'expired'; count: bigint }
  | { kind: 'gap'; from: string; count: bigint }
  | { kind: 'forked'; from: string }
  | { kind: 'against-rules'; from: string }

const ASK_AGAIN = 'ask for it to be sent again'

export function unreadable(reason: UnreadableReason): Unreadable {
  switch (reason.kind) {
    case 'old-epoch':
      return {
        missing: false,
        cause: 'sealed with keys that are older than this device keeps',
        remedy: ASK_AGAIN,
      }
    case 'future-epoch':
      return {
        missing: false,
        cause: 'sealed with keys that this device does not have: it missed a change of the conversation',
        remedy: 'the sender can open a new conversation with you',
      }
    case 'refused':
      return {
        missing: false,
        cause: `refused (${reason.cause}): it was altered on its way or made by a faulty client`,
        remedy: ASK_AGAIN,
      }
    case 'bad-content':
      return {
        missing: false,
        from: reason.from,
        cause: 'its content is not what a client of this version writes',
        remedy: `ask ${reason.from} which client made it`,
      }
    case 'unknown-content':
      return {
        missing: false,
        from: reason.from,
        cause: 'it was made by a newer version',
        remedy: 'update Parley to read it',
      }
    case 'expired':
      return {
        missing: true,
        cause: `${reason.count} envelopes were deleted from the server before this device came for them`,
        remedy: ASK_AGAIN,
      }
    case 'gap':
      return {
        missing: true,
        from: reason.from,
        cause: `${reason.count} of what ${reason.from} sent before this did not arrive`,
        remedy: 'it is asked for again',
      }
    case 'forked':
      return {
        missing: true,
        from: reason.from,
        cause: `${reason.from} was shown another course of this conversation than this device: the server drops, adds or reorders`,
        remedy: 'compare what you see with them by another way, and ask the operator',
      }
    case 'against-rules':
      return {
        missing: false,
        from: reason.from,
        cause: `${reason.from} changed it in a way that its rules do not allow them; here it stays as it was`,
        remedy: `go on in a new room, without ${reason.from}: this one may soon take no more messages`,
      }
    default:
      return {
        missing: false,
        cause: 'it is not of the kind that the server said',
        remedy: 'tell the server’s operator',
      }
  }
}
