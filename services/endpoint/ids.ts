// Numbers that mean one thing each, and each a type of its own: one cannot be taken for another. They are bigints. Those
// that this endpoint gives stand for nothing outside of this vault.

import type { AccountKey, DeviceKey } from '../protocol/keys.js'

export { type AccountKey, type DeviceKey, type KeyText, keyText, sameKey } from '../protocol/keys.js'

declare const of: unique symbol
/** A number of this and of nothing else. */
export type Numbered<What extends string> = bigint & { readonly [of]: What }

/** A conversation as a person sees it, from 1. */
export type ConversationNumber = Numbered<'conversation'>
/** A handle that this endpoint knows something of, from 1. */
export type HandleNumber = Numbered<'handle'>
/** An MLS group of this device, from 1. */
export type GroupNumber = Numbered<'group'>
/** A message in the history of its conversation. */
export type MessageNumber = Numbered<'message'>
/** A person whom this endpoint has met, from 1. */
export type ContactNumber = Numbered<'contact'>
/** A change of a group that this device is to commit, from 1 in each group. */
export type IntentNumber = Numbered<'intent'>
/** The place of an envelope in its conversation's order, as the server gives it; 0n where there is none. */
export type Sequence = Numbered<'sequence'>
/** Something at its place in that order. */
export type Placed<T> = T & { readonly sequence: Sequence }
/** The place of a content among those that its device sealed in its group, from 1 (Content.count). */
export type Count = Numbered<'count'>
/** The place of a send among all of this device's, from 1 (Send in proto/parley/v1/chat.proto). */
export type ClientSequence = Numbered<'client sequence'>

/** A row's id, a field on the wire, and what is reckoned from one, is a plain number: these say what it is of. */
export const conversationNumber = (id: bigint): ConversationNumber => id as ConversationNumber
export const groupNumber = (id: bigint): GroupNumber => id as GroupNumber
export const messageNumber = (id: bigint): MessageNumber => id as MessageNumber
export const sequenceOf = (place: bigint): Sequence => place as Sequence
export const countOf = (place: bigint): Count => place as Count
export const clientSequenceOf = (place: bigint): ClientSequence => place as ClientSequence

// Math.max and Math.min take no bigint.
export function larger(one: Count, other: Count): Count {
  if (one > other) return one
  return other
}

export function smaller(one: Count, other: Count): Count {
  if (one < other) return one
  return other
}

/** The empty bytes that stand where there is no key. */
export type NoKey = Uint8Array & { readonly [of]: 'no key' }
export const NO_KEY = new Uint8Array() as NoKey
export const isKey = <K extends AccountKey | DeviceKey>(key: K | NoKey): key is K => key.length > 0

/** Which of them a field of this name holds, in records. */
export interface NumberedFields {
  conversation: ConversationNumber
  continuedIn: ConversationNumber
  group: GroupNumber
  message: MessageNumber
  handedMessage: MessageNumber
  nextMessage: MessageNumber
  intents: IntentNumber
  sequence: Sequence
  lastSequence: Sequence
  clientSequence: ClientSequence
  nextCount: Count
  received: Count
  owed: Count
  receipted: Count
  confirmed: Count
  missing: Count
}

/** Which key, or list of keys, a field of this name holds in records. */
export interface KeyFields {
  accountPublicKey: AccountKey
  devicePublicKey: DeviceKey
  accountKey: AccountKey | NoKey
  pinnedAccountKey: AccountKey | NoKey
  seenAccountKey: AccountKey | NoKey
  accountKeys: AccountKey
  peerAccount: AccountKey | NoKey
  askedBy: AccountKey | NoKey
  brokenBy: AccountKey
  ledBy: AccountKey | NoKey
  makeAdmin: AccountKey | NoKey
  unmakeAdmin: AccountKey | NoKey
  fromAccount: AccountKey | NoKey
  giverAccount: AccountKey
  giverDevice: DeviceKey
  by: AccountKey | NoKey
  who: AccountKey | NoKey
  others: AccountKey
  from: AccountKey
  deviceId: DeviceKey
  deviceIds: DeviceKey
  goneDeviceIds: DeviceKey
  toDevice: DeviceKey | NoKey
  toAccount: AccountKey | NoKey
  toldBy: AccountKey | NoKey
}
