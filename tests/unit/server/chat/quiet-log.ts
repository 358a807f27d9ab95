import type { SessionGuard } from '../../../../services/server/chat/session-guard.js'
import type { Log } from '../../../../services/server/store/store.js'

/** A log with nothing in it, that accepts everything, and in which a test replaces what it looks at. */
export function quietLog(of: Partial<Log> = {}): Log {
  return {
    append: async (_, sends) => sends.map(() => ({ accepted: true })),
    clientSequence: async () => 0n,
    read: async ({ after }) => ({ envelopes: [], place: after, more: false }),
    acknowledge: async () => {},
    roster: async () => undefined,
    conversations: async () => [],
    watch: () => () => {},
    expire: async () => 0,
    ...of,
  }
}

/** Everything may be. */
export const noGuard: SessionGuard = { conversation: () => 0, refused: () => undefined }
