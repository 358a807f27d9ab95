/** What the server enforces and tells clients in Opened (Limits in the contract), with the units. */
export const LIMITS = {
  /** Bytes: 64 KiB of text, in a padding bucket of 128 KiB at most, and what MLS adds. */
  applicationBytes: 136 * 1024,
  /** Bytes. */
  commitBundleBytes: 8 * 1024 * 1024,
  envelopesPerSend: 256,
  /** Deliver frames. */
  unackedDeliveries: 256,
  /** Sends per second and device, averaged over SEND_BURST_SECONDS. */
  sendsPerSecond: 2000,
  devicesPerConversation: 250,
  conversationsPerDevice: 10_000,
  /** One-time key packages. */
  keyPackagesPerDevice: 100,
  devicesPerAccount: 16,
  claimsPerCall: 256,
  /** Epochs. */
  pastEpochs: 2,
  /** Milliseconds. */
  proofWindowMs: 120_000,
  /** Seconds: 30 days. */
  retentionSeconds: 30 * 24 * 3600,
} as const

/** Envelopes and bytes of one Deliver frame (one larger envelope aside). */
export const DELIVER_ENVELOPES = 64
export const DELIVER_BYTES = 512 * 1024
/** Bytes of one gRPC message: a commit bundle and its frame. */
export const MESSAGE_BYTES = 9 * 1024 * 1024
/** How long an idle line may be silent before a ping, and before it is taken for dead. */
export const PING_INTERVAL_MS = 5_000
export const DEAD_AFTER_MS = 12_000
export const OPEN_STREAMS = 10_000
export const SEND_BURST_SECONDS = 5
/** How long a graceful stop may take. */
export const STOP_MS = 5_000
