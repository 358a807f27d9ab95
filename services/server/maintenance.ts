import type { Logger } from 'pino'
import { KEY_PACKAGE_KEPT_MS } from '../protocol/time.js'
import type { Timing } from './chat/heartbeat.js'
import type { Sessions } from './chat/sessions.js'
import type { Guard } from './guard/guard.js'
import { GUARD_SWEEP_MS, SWEEP_MS } from './limits.js'
import type { Store } from './store/store.js'

/** Sweeps a ping interval are at least so many, so that a ping is late by no more than this part of it. */
const SWEEPS_PER_PING = 5

/** Regularly pings silent sessions, and ends those that are dead. Returns how to stop. */
export function repeatSweep(sessions: Pick<Sessions, 'sweep'>, { pingIntervalMs }: Timing): () => void {
  const everyMs = Math.min(SWEEP_MS, pingIntervalMs / SWEEPS_PER_PING)
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    // A process that was held up heard nothing because of itself, and must not take everybody for dead.
    const lostMs = Math.max(0, now - last - 2 * everyMs)
    last = now
    sessions.sweep(Date.now(), lostMs)
  }, everyMs)
  return () => clearInterval(timer)
}

/** Regularly tells of those who were held back, and forgets those who were not. Returns how to stop. */
export function repeatGuardSweep(guard: Pick<Guard, 'sweep'>): () => void {
  const timer = setInterval(() => guard.sweep(), GUARD_SWEEP_MS)
  return () => clearInterval(timer)
}

interface RetentionOptions {
  store: Store
  retentionSeconds: number
  everyMs: number
  log: Logger
}

/**
 * Clears the log and the key packages of what is old, at once and then regularly. Returns how to stop, which resolves
 * when the store is left alone.
 */
export function repeatRetention({
  store,
  retentionSeconds,
  everyMs,
  log,
}: RetentionOptions): () => Promise<void> {
  let running: Promise<void> | undefined
  const expire = async () => {
    try {
      const deleted = await store.log.expire(Date.now() - retentionSeconds * 1000)
      if (deleted > 0) log.info({ deleted }, 'envelopes that everybody has or that are too old were deleted')
      const keyPackages = await store.keyPackages.expire(Date.now() - KEY_PACKAGE_KEPT_MS)
      if (keyPackages > 0) log.info({ keyPackages }, 'key packages that are too old were deleted')
    } catch (error) {
      log.error({ err: error }, 'deleting what is old failed')
    }
  }
  const run = () => {
    running ??= expire().finally(() => {
      running = undefined
    })
  }
  run()
  const timer = setInterval(run, everyMs)
  return async () => {
    clearInterval(timer)
    await running
  }
}
