// What a command is, and what it may use.

import type { Endpoint } from '../endpoint/endpoint.js'

export interface CommandContext {
  handle: string
  endpoint: Endpoint
  /** Where lines go now. */
  target(): { title: string; conversation: bigint } | undefined
  /** Turns to a conversation that there is. */
  turn(conversation: bigint): void
  say(text: string): void
  warn(text: string): void
  /** Turns to a person or, behind "#", to a room; from here on lines go there. */
  turnTo(name: string): Promise<void>
  who(): string[]
  showHistory(limit: number): void
  fingerprints(): string[]
  changePassphrase(): Promise<void>
  quit(): void
}

export interface Command {
  name: string
  /** What stands behind the name. */
  argument?: string
  help: string
  run(context: CommandContext, argument: string): Promise<void> | void
}
