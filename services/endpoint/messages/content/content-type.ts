// A type of content, as the endpoint sees it: its fate on its way, and its effect where it arrives. Adding a
// type is its message in proto/parley/content/v1, one file here, its line in registry.ts, and the client's words for it;
// of one that people write also its kind of line in proto/parley/vault/v1.

import type { Content } from '../../../../gen/parley/content/v1/content_pb.js'
import type { Envelope } from '../../../../gen/parley/v1/chat_pb.js'
import type { LiveGroup } from '../../groups/state/groups.js'
import type { GroupInput } from '../../groups/state/transitions.js'
import type { AccountKey, DeviceKey, Placed } from '../../ids.js'
import type { Transaction } from '../../vault/records.js'
import type { Counted } from '../sealing/format.js'
import type { LineType } from '../sealing/line-types.js'
import type { MessageParts } from '../sealing/parts.js'

export type Body = Extract<Content['body'], { case: string }>
export type ContentCase = Body['case']
export type ValueOf<C extends ContentCase> = Extract<Body, { case: C }>['value']

/** A content that was opened, counted, and is neither old nor here already. */
export interface Received {
  group: LiveGroup
  /** Its place in the order. */
  envelope: Placed<Envelope>
  content: Counted
  /** The device that sealed it, as its verified leaf says. */
  device: DeviceKey
  accountKey: AccountKey
  /** As the newest list that is known of the account says: a claim; '' where none is known. */
  handle: string
  /** Of the device, encoded and verified. */
  certificate: Uint8Array
  /** A device of this account has sealed it. */
  isOurs: boolean
}

export interface ContentTraits {
  /** Receivers tell the sender that it has arrived. */
  readonly owesReceipt: boolean
  /** It is also taken from somebody of whom a person wants to hear nothing. */
  readonly fromBlocked: boolean
  /** A person writes this type, so it is a line of the history, which waits, and may be said again and handed over. */
  readonly line?: LineType
  /**
   * A type that is no line has this: it makes what the server did not take, in an epoch that is over or a group that is,
   * due again. Unless given, it is dropped.
   */
  putBack?(parts: MessageParts, tx: Transaction, group: LiveGroup): void
}

export interface ContentType<C extends ContentCase> extends ContentTraits {
  /** The input that it is to the group, before it is taken; unless given, none. */
  moves?(received: Received, value: ValueOf<C>): GroupInput | undefined
  /** Does what it asks for. Throws nothing for what it says: a member may send anything. */
  take(parts: MessageParts, tx: Transaction, received: Received, value: ValueOf<C>): Promise<void> | void
}
