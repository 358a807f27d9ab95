// Events: an endpoint tells them to the program that runs it, a person's terminal, a script, a test.

import type { DownCause, StopCause, StopReason } from './codes/line-cause.js'
import type { Notice } from './codes/notice.js'
import type { SendFailure } from './codes/send-failure.js'
import type { SystemMessage } from './codes/system-message.js'
import type { Unreadable } from './codes/unreadable.js'
import type { ConversationNumber, MessageNumber, Sequence } from './ids.js'

/** Of a message: its place in this endpoint's history. */
export interface MessageId {
  conversation: ConversationNumber
  message: MessageNumber
}

export type MessageState = 'waiting' | 'stored' | 'delivered' | 'failed' | 'received'

/** One line of a conversation's history. */
export type HistoryEntry = Line & Said

/** The sort of a line. */
export type Said =
  | { kind: 'text' }
  /** Something came that cannot be opened, or something is missing. */
  | { kind: 'unreadable' | 'gap'; cause: Unreadable }
  /** Somebody came, left, or changed the room. */
  | { kind: 'event'; system: SystemMessage }

interface Line {
  id: MessageId
  /** Which conversation it is of: the other person's handle, or a room's name behind "#". */
  peer: string
  from: string
  own: boolean
  /** The written text; '' where the line is no text. */
  text: string
  sentAt: Date
  state: MessageState
  /** The place in the server's order; 0n while it has none. */
  sequence: Sequence
  /** The sender showed another account key than the one that is pinned for the handle: it may be somebody else. */
  otherKey?: true
  /** Nobody can show that `from` has written it: the person of this name tells it. */
  hearsay?: string
}

export type LineState =
  | { state: 'connecting' }
  /** Everything that the server had for this device is here. */
  | { state: 'up' }
  /** It is tried again by itself, in so many milliseconds. */
  | { state: 'down'; cause: DownCause; retryInMs: number }
  /** It is not tried again: a person has to do something. */
  | { state: 'stopped'; reason: StopReason; cause: StopCause }

export type EndpointEvent =
  | { type: 'line'; line: LineState }
  | { type: 'server-pinned'; fingerprint: string; address: string }
  /** A new conversation, or one that can be written in from now on. */
  | { type: 'conversation'; peer: string; conversation: ConversationNumber; state: 'opened' | 'ready' }
  | { type: 'message'; entry: HistoryEntry }
  | {
      type: 'state'
      id: MessageId
      peer: string
      state: MessageState
      sequence: Sequence
      failure?: SendFailure
    }
  /** First contact: this account key is pinned for the handle. */
  | { type: 'contact-pinned'; handle: string; fingerprint: string }
  /** Another key goes by this handle. By the policy, sending is stopped, or goes on to the new one. */
  | { type: 'key-changed'; handle: string; pinned: string; seen: string; policy: 'block' | 'warn' | 'accept' }
  /** A person of this side has decided on somebody. */
  | { type: 'contact'; handle: string; change: 'accepted' | 'verified' | 'blocked' | 'unblocked' }
  /** Somebody whom nobody has let in, `from`, has opened a conversation or taken this account into a room, `peer`. */
  | { type: 'request'; peer: string; from: string }
  /** The operator whom the server names; '' if it has none. */
  | { type: 'operator'; handle: string }
  /** The list of this account's devices is another one than before. */
  | { type: 'devices' }
  | { type: 'presence'; handle: string; here: boolean }
  /** Something that a person should know; nothing is lost by it. */
  | { type: 'notice'; level: 'info' | 'warning' | 'error'; notice: Notice }
