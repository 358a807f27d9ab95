// Tells open streams that an account's devices have changed. A hint: whoever has no stream looks it up later.
// One account at a time, and what comes meanwhile is told once, so that changes in a row cost no more.

import { setImmediate } from 'node:timers/promises'
import { bytesKey } from '../bytes.js'
import type { DeviceId, Directory, Log } from '../store/store.js'
import type { Streams } from './sessions.js'

/** Rosters that are gone through before other work gets its turn. */
const ROSTERS_AT_ONCE = 32

export interface AccountChangesOptions {
  directory: Pick<Directory, 'devices'>
  log: Pick<Log, 'conversations' | 'roster'>
  streams: Pick<Streams, 'tellAccountChanged'>
  onFailure: (error: unknown) => void
}

export interface AccountChanges {
  /**
   * Has all told whose streams are open here: the account's own devices, and those on the rosters that it is
   * on, also by the devices that were just revoked.
   */
  announce(handle: string, revoked: readonly DeviceId[]): void
  /** Tells no more. Resolves when the store is left alone. */
  stop(): Promise<void>
}

export function createAccountChanges(options: AccountChangesOptions): AccountChanges {
  const waiting = new Map<string, readonly DeviceId[]>()
  let working: Promise<void> | undefined
  let stopped = false
  const work = async () => {
    for (const [handle, revoked] of waiting) {
      waiting.delete(handle)
      if (!stopped) await tell(options, handle, revoked).catch(options.onFailure)
    }
    working = undefined
  }
  return {
    announce(handle, revoked) {
      waiting.set(handle, [...(waiting.get(handle) ?? []), ...revoked])
      working ??= work()
    },
    async stop() {
      stopped = true
      await working
    },
  }
}

async function tell(
  { directory, log, streams }: AccountChangesOptions,
  handle: string,
  revoked: readonly DeviceId[],
): Promise<void> {
  const own = ((await directory.devices(handle)) ?? []).map(({ deviceId }) => deviceId)
  const conversations = new Map<string, Uint8Array>()
  for (const device of [...own, ...revoked])
    for (const id of await log.conversations(device)) conversations.set(bytesKey(id), id)
  streams.tellAccountChanged(own, handle)
  let looked = 0
  for (const id of conversations.values()) {
    streams.tellAccountChanged((await log.roster(id)) ?? [], handle)
    looked += 1
    if (looked % ROSTERS_AT_ONCE === 0) await setImmediate()
  }
}
