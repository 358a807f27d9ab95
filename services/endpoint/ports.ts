// Everything that an endpoint has of the world outside: where it keeps what it knows, how it reaches servers, who opens
// what strangers send, what time it is, and chance. A program opens an endpoint on this machine's (`local.ts`), a test
// on its own.

import type { Dialer } from '../rpc/channel.js'
import type { WelcomeOpener } from './mls/welcome-opener.js'
import type { Vault } from './vault/vault.js'

export interface Ports {
  vault: Vault
  dialer: Dialer
  /** The addresses that a name stands for; none where it is not known. An address stands for itself. */
  resolve(host: string): Promise<string[]>
  welcomes: WelcomeOpener
  clock: Clock
  random: Random
}

export interface Clock {
  /** Milliseconds since 1970. It may jump, both ways: people set clocks, and machines sleep. */
  now(): number
  /** Runs the action once, in so many ms at the earliest. Until then it keeps the process alive. */
  after(ms: number, action: () => void): Timer
  /** Runs the action again and again, every so many ms. It keeps no process alive. */
  every(ms: number, action: () => void): Timer
}

export interface Timer {
  /** The action does not run any more. Cancelling again does nothing. */
  cancel(): void
}

export interface Random {
  /** So many bytes that nobody can guess. */
  bytes(length: number): Uint8Array
  /** From 0 to less than 1; for waits and turns, never for secrets. */
  fraction(): number
}

/** Resolves in so many ms at the earliest, or as soon as the signal is aborted. Never rejects. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal?.aborted) return resolve()
    const end = () => {
      timer.cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = clock.after(ms, end)
    signal?.addEventListener('abort', end, { once: true })
  })
}
