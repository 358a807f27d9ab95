// An endpoint on this machine: its vault in a folder, servers by gRPC, welcomes in a thread of their own, and the
// system's clock. The one place that joins an endpoint to the outside.

import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { dialer } from '../rpc/node/dialer.js'
import { type Endpoint, type EndpointOptions, openEndpoint } from './endpoint.js'
import { WorkerWelcomeOpener } from './mls/welcome-opener.js'
import type { Clock, Random } from './ports.js'
import { openVault } from './vault/vault.js'

export interface LocalEndpointOptions extends EndpointOptions {
  /** The vault's folder; made when absent. */
  folder: string
  passphrase?: string | undefined
  /** The size at which the vault counts as full; unless given, when the disk is. */
  maxBytes?: number
}

/** Opens the vault. Throws VaultError. */
export async function openLocalEndpoint(options: LocalEndpointOptions): Promise<Endpoint> {
  const vault = await openVault(options)
  const welcomes = new WorkerWelcomeOpener()
  try {
    return await openEndpoint(
      { vault, dialer, resolve, welcomes, clock: systemClock, random: systemRandom },
      options,
    )
  } catch (error) {
    vault.close()
    throw error
  }
}

/** The longest that a timer of Node runs, in ms; a longer one would go off at once. */
const LONGEST_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: Date.now,
  after(ms, action) {
    const timer = setTimeout(action, Math.min(Math.max(ms, 1), LONGEST_MS))
    return { cancel: () => clearTimeout(timer) }
  },
  every(ms, action) {
    const timer = setInterval(action, ms).unref()
    return { cancel: () => clearInterval(timer) }
  },
}

export const systemRandom: Random = {
  bytes: length => Uint8Array.from(randomBytes(length)),
  fraction: Math.random,
}

async function resolve(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true }).catch(() => [])
  return found.map(({ address }) => address)
}
