// The endpoint's only door: one end of Parley's conversations, for programs and for whoever draws a client. The code
// behind it may change; the names in it stay, and grow.

export { RecoveryPhraseError } from '../protocol/identity/recovery-phrase.js'
export { InviteError } from '../protocol/invite/address.js'
export type * from './codes/finding.js'
export type * from './codes/line-cause.js'
export { LineStopped } from './codes/line-error.js'
export {
  type AnswerFault,
  type JoinRefusal,
  type Notice,
  OWN_DEVICES,
  type Rejection,
  type WhyNot,
} from './codes/notice.js'
export { Refusal, type RefusalCause } from './codes/refusal.js'
export type * from './codes/send-failure.js'
export type * from './codes/system-message.js'
export type { Unreadable } from './codes/unreadable.js'
export type * from './codes/vault-cause.js'
export type { KeyTrust } from './contacts/contacts.js'
export type { DeviceView } from './contacts/own-devices.js'
export type { ListWish } from './contacts/own-list.js'
export type { KeyChangePolicy, Verification } from './contacts/trust.js'
export type { Doctor } from './doctor/doctor.js'
export type { Area, Finding, Verdict } from './doctor/finding.js'
export type { Endpoint, EndpointOptions } from './endpoint.js'
export type * from './events.js'
export type { StartOptions } from './first-start.js'
export type { Kind, KnownConversation } from './history/conversations.js'
export type {
  AccountKey,
  ConversationNumber,
  DeviceKey,
  GroupNumber,
  MessageNumber,
  Sequence,
} from './ids.js'
export { type LocalEndpointOptions, openLocalEndpoint } from './local.js'
export type { RequestPolicy, RequestView } from './messages/requests.js'
export type { MlsCause } from './mls/refused.js'
export { Conversation, Parley, type ParleyOptions } from './parley.js'
export type { PersonHere } from './people.js'
export type { RoomChange, RoomOptions, RoomView } from './rooms.js'
export { VaultError, type VaultReason } from './vault/error.js'
export type { AccountView, KnownKey, ServerView } from './views.js'
