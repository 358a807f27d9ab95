// Numbers that this endpoint gives, each a type of its own: one cannot be taken for another. They are bigints, and stand
// for nothing outside of this vault.

declare const of: unique symbol
type Numbered<What extends string> = bigint & { readonly [of]: What }

/** A conversation as a person sees it, from 1. */
export type ConversationNumber = Numbered<'conversation'>
/** An MLS group of this device, from 1. */
export type GroupNumber = Numbered<'group'>
/** A message in the history of its conversation. */
export type MessageNumber = Numbered<'message'>

/** A row's id is a plain number: these say what it is of. */
export const conversationNumber = (id: bigint): ConversationNumber => id as ConversationNumber
export const groupNumber = (id: bigint): GroupNumber => id as GroupNumber
export const messageNumber = (id: bigint): MessageNumber => id as MessageNumber

/** Which of them a field of this name holds, in records and events. */
export interface NumberedFields {
  conversation: ConversationNumber
  group: GroupNumber
  message: MessageNumber
}
