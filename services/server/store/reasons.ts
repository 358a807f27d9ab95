// Why a send is not stored, in the contract's words.

import { create } from '@bufbuild/protobuf'
import {
  ConversationExistsSchema,
  MalformedSchema,
  NotAMemberSchema,
  OutOfOrderSchema,
  RateLimitedSchema,
  type RejectedSend,
  StaleEpochSchema,
  StorageFullSchema,
  SucceededSchema,
  TooLargeSchema,
  TooManyConversationsSchema,
  TooManyMembersSchema,
  TooManySuccessorsSchema,
  UnknownConversationSchema,
  UnknownDeviceSchema,
} from '../../../gen/parley/v1/chat_pb.js'
import type { DeviceId } from './store.js'

export type Reason = RejectedSend['reason']

/** When to try again after the store was full. */
const FULL_RETRY_MS = 5_000
/** The log is cleared once a minute. */
const ACCOUNT_FULL_RETRY_MS = 60_000

/** With a limit: of the account's own part. */
export const storageFull = (accountLimitBytes = 0): Reason => ({
  case: 'storageFull',
  value: create(StorageFullSchema, {
    retryAfterMs: accountLimitBytes > 0 ? ACCOUNT_FULL_RETRY_MS : FULL_RETRY_MS,
    accountLimitBytes: BigInt(accountLimitBytes),
  }),
})

export const outOfOrder = (expected: bigint): Reason => ({
  case: 'outOfOrder',
  value: create(OutOfOrderSchema, { expected }),
})

export const rateLimited = (retryAfterMs: number): Reason => ({
  case: 'rateLimited',
  value: create(RateLimitedSchema, { retryAfterMs }),
})

export const succeeded = (conversationId: Uint8Array): Reason => ({
  case: 'succeeded',
  value: create(SucceededSchema, { conversationId }),
})

export const tooManySuccessors = (retryAfterMs: number): Reason => ({
  case: 'tooManySuccessors',
  value: create(TooManySuccessorsSchema, { retryAfterMs }),
})

export const malformed = (detail: string): Reason => ({
  case: 'malformed',
  value: create(MalformedSchema, { detail }),
})

export const tooLarge = (limitBytes: number): Reason => ({
  case: 'tooLarge',
  value: create(TooLargeSchema, { limitBytes }),
})

export const staleEpoch = (currentEpoch: number): Reason => ({
  case: 'staleEpoch',
  value: create(StaleEpochSchema, { currentEpoch: BigInt(currentEpoch) }),
})

export const notAMember = (): Reason => ({ case: 'notAMember', value: create(NotAMemberSchema) })

export const unknownConversation = (): Reason => ({
  case: 'unknownConversation',
  value: create(UnknownConversationSchema),
})

export const conversationExists = (): Reason => ({
  case: 'conversationExists',
  value: create(ConversationExistsSchema),
})

export const unknownDevice = (deviceId: DeviceId): Reason => ({
  case: 'unknownDevice',
  value: create(UnknownDeviceSchema, { deviceId }),
})

export const tooManyMembers = (limit: number): Reason => ({
  case: 'tooManyMembers',
  value: create(TooManyMembersSchema, { limit }),
})

export const tooManyConversations = (deviceId: DeviceId, limit: number): Reason => ({
  case: 'tooManyConversations',
  value: create(TooManyConversationsSchema, { deviceId, limit }),
})
