// Between a test and the client's process: calls of the endpoint there, what they give, and its events.

import type { EndpointOptions, StartOptions } from '../../../services/endpoint/endpoint.js'
import type { EndpointEvent } from '../../../services/endpoint/events.js'
import type { Key, Table } from '../../../services/endpoint/vault/vault.js'

/** Beside what the command line says. */
export interface Given {
  open: Partial<EndpointOptions>
  start: Partial<StartOptions>
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

export type FromClient =
  /** At once, for each call; `later`: a promise that is settled later. */
  | { kind: 'answer'; id: number; result: Result | 'later' }
  | { kind: 'settled'; id: number; result: Result }
  | { kind: 'event'; event: EndpointEvent }
  /** It has an account, and begins to connect. */
  | { kind: 'ready' }

/** And of the thread that runs the process. */
export type FromBridge = FromClient | { kind: 'ended'; said: string }
