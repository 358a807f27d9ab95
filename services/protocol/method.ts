// How the calls of proto/parley/v1/chat.proto are named, and which version of it is spoken.

/** The version of the protocol in Open and Opened. */
export const PROTOCOL_VERSION = 1

/** The calls that ask for a proof, by their full names, which the proof repeats. */
export const METHODS = {
  keyExchange: '/parley.v1.ChatService/KeyExchange',
  chat: '/parley.v1.ChatService/Chat',
} as const

export type ProvenMethod = (typeof METHODS)[keyof typeof METHODS]
