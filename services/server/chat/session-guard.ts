import type { Guard } from '../guard/guard.js'
import type { DeviceId } from '../store/store.js'

/** The bounds of one device's session. */
export interface SessionGuard {
  /** A conversation is to be created. Returns how many milliseconds to wait; 0: it may be. */
  conversation(): number
  /** Sends were refused for their number, or because the account has its part of the store. */
  refused(kind: 'sends' | 'storage', count: number): void
}

export function sessionGuard(
  guard: Pick<Guard, 'conversation' | 'refusedSends'>,
  device: DeviceId,
  account: Uint8Array = device,
): SessionGuard {
  return {
    conversation: () => guard.conversation(account),
    refused: (kind, count) => guard.refusedSends(kind, device, count),
  }
}
