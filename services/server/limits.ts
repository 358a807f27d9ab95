import {
  COMMIT_BUNDLE_BYTES,
  CONVERSATION_DEVICES,
  MAX_FIELDS,
  MESSAGE_BYTES,
  PAST_EPOCHS,
} from '../protocol/sizes.js'
import { DAY_MS, SECOND_MS } from '../protocol/time.js'

/** The server enforces these, and tells clients of them in Opened (Limits in the contract). With the units. */
export const LIMITS = {
  /** Bytes: 64 KiB of text, in a padding bucket of 128 KiB at most, and what MLS adds. */
  applicationBytes: 136 * 1024,
  /** Bytes. */
  commitBundleBytes: COMMIT_BUNDLE_BYTES,
  envelopesPerSend: 256,
  /** Deliver frames. */
  unackedDeliveries: 256,
  /** Sends per second and device, averaged over SEND_BURST_SECONDS. */
  sendsPerSecond: 2000,
  devicesPerConversation: CONVERSATION_DEVICES,
  conversationsPerDevice: 10_000,
  /** One-time key packages. */
  keyPackagesPerDevice: 100,
  devicesPerAccount: 16,
  claimsPerCall: 256,
  /** Epochs. */
  pastEpochs: PAST_EPOCHS,
  /** Commits of one device, and of one conversation. */
  commitsPerMinute: 600,
  commitsPerMinuteAndConversation: 300,
  /** Milliseconds. */
  proofWindowMs: 120_000,
  /** Seconds: 30 days. */
  retentionSeconds: (30 * DAY_MS) / SECOND_MS,
  /** Bytes, in both directions. */
  messageBytes: MESSAGE_BYTES,
  /** Bytes: all of the request's lists at their limits have about 1.1 MiB. */
  keyExchangeBytes: 1280 * 1024,
  /** Bytes: a proof and a cursor have about 400. */
  openBytes: 4 * 1024,
  /** Bytes: a post-quantum one has about 4 KiB. */
  keyPackageBytes: 8 * 1024,
  messageFields: MAX_FIELDS,
  /** Bytes of the log: for texts of 1 KiB, more than 200,000 that somebody has not received yet. */
  accountBytes: 256 * 1024 * 1024,
} as const

/** Envelopes and bytes of one Deliver frame (one larger envelope aside). */
export const DELIVER_ENVELOPES = 64
export const DELIVER_BYTES = 512 * 1024
/** How long an idle line may be silent before a ping, and before it is taken for dead. */
export const PING_INTERVAL_MS = 5_000
export const DEAD_AFTER_MS = 12_000
export const OPEN_SESSIONS = 10_000
export const SEND_BURST_SECONDS = 5
/** How long a graceful stop may take. */
export const STOP_MS = 5_000
export type RelayLimits = { readonly [name in keyof typeof LIMITS]: number }

/** Fields that a message may have before its sender has shown who they are: a full KeyExchangeParts has about 900. */
export const UNPROVEN_FIELDS = 4_096
/** Messages of one call before its sender has shown who they are: reflection answers each. */
export const UNPROVEN_MESSAGES = 256
/** Envelopes and bytes that one session may have waiting for the store before its frames are left unread. */
export const WAITING_SENDS = 1024
export const WAITING_SEND_BYTES = 16 * 1024 * 1024
/** Rejections and pongs that one session may have unsent before its frames are left unread. */
export const UNSENT_ANSWERS = 4096
/** Handles of changed accounts waiting for one reader; those over it are dropped. */
export const WAITING_ACCOUNT_CHANGES = 1024
/** Ephemeral envelopes waiting for one reader; those over it are dropped. */
export const WAITING_EPHEMERAL = 32
/** How often silence is looked for, at the least. */
export const SWEEP_MS = 1_000
/** How often it is looked at who was held back. */
export const GUARD_SWEEP_MS = 10_000
/** How long an invite lets somebody in: 30 days. */
export const INVITE_MS = 30 * DAY_MS
/** How often the log is cleared of what everybody has, or of what is too old. */
export const RETENTION_EVERY_MS = 60_000
