// Between a test and a process: calls of what is controlled there, what they give, and its events.

import type { EndpointOptions, StartOptions } from '../../../services/endpoint/endpoint.js'
import type { Key, Table } from '../../../services/endpoint/vault/vault.js'
import type { RelayLimits } from '../../../services/server/limits.js'
import type { Relay, RelayOptions } from '../../../services/server/relay.js'

/** Beside what the command line says. */
export interface GivenToClient {
  open: Partial<EndpointOptions>
  start: Partial<StartOptions>
}

export interface GivenToServer {
  relay: Partial<Pick<RelayOptions, 'guard' | 'operatorHandle' | 'registration'>>
  store: { limits?: Partial<RelayLimits>; maxBytes?: number }
}

/** The relay as soon as it listens. */
export type ServerSeen = Pick<Relay, 'certificate' | 'directoryKey' | 'fingerprint' | 'port' | 'serverId'>

/** In the place of a method of the relay: what it has logged, from warnings on. */
export const NOTED = '$noted'

export interface Noted {
  defects: unknown[]
  warnings: Record<string, unknown>[]
}

/** The name of the environment's variable with these, serialised, in base64. */
export const GIVEN = 'CONTROLLED_GIVEN'

/** In the place of a method of the endpoint: all rows of its vault. */
export const ROWS = '$rows'

export interface SavedRow {
  table: Table
  key: Key
  value: Uint8Array
}

export interface Call {
  id: number
  method: string
  parameters: unknown[]
}

/** An error with its fields, which no process hands on by itself. */
export type Thrown = { name: string; message: string } & Record<string, unknown>

export type Result = { value: unknown } | { thrown: Thrown }

export type FromProcess =
  /** At once, for each call; `later`: a promise that is settled later. */
  | { kind: 'answer'; id: number; result: Result | 'later' }
  | { kind: 'settled'; id: number; result: Result }
  | { kind: 'event'; event: unknown }
  /** A client has an account, and begins to connect; a server listens. */
  | { kind: 'ready' }

/** And of the thread that runs the process. */
export type FromBridge = FromProcess | { kind: 'ended'; said: string }
