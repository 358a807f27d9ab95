// A command, and all that it may use.

import { type ConversationNumber, type Endpoint, Refusal } from '../../endpoint/index.js'
import type { HeldBack } from '../words/commands.js'
import { refusal } from '../words/refusals.js'
import type { ShownKeys } from './shown-keys.js'

/** The operator's own process may do this besides. */
export interface OperatorActions {
  /** With a fresh token, where the server takes new accounts by invitation only. */
  inviteLink(): Promise<string>
  /** Ends the account's streams and keeps it out. */
  ban(handle: string): Promise<void>
  /** False: it was not banned. */
  unban(handle: string): Promise<boolean>
  /** The oldest first. */
  bans(): Promise<{ name: string; bannedAt: Date }[]>
  /** Counts of those who were held back since the start, the most frequent kind first. */
  abuse(): readonly HeldBack[]
}

/** Commands use this much of an endpoint. */
export type CommandEndpoint = Pick<
  Endpoint,
  | 'accept'
  | 'admit'
  | 'block'
  | 'changeRoom'
  | 'confirmWords'
  | 'createRoom'
  | 'decline'
  | 'devices'
  | 'examine'
  | 'giveHistory'
  | 'inviteLink'
  | 'leaveRoom'
  | 'markVerified'
  | 'nameDevice'
  | 'person'
  | 'recoveryPhrase'
  | 'repair'
  | 'requests'
  | 'revokeDevice'
  | 'room'
  | 'server'
  | 'unblock'
  | 'verify'
>

export interface CommandContext {
  handle: string
  endpoint: CommandEndpoint
  /** Where lines go now. */
  target(): { title: string; conversation: ConversationNumber } | undefined
  /** Turns to a conversation that there is. */
  turn(conversation: ConversationNumber): void
  say(text: string, figure?: readonly string[]): void
  warn(text: string): void
  /** undefined: the person wants to say nothing. */
  ask(question: string): Promise<string | undefined>
  /** The keys that this person was shown. */
  shownKeys: ShownKeys
  /** Turns to a person or, behind "#", to a room; from here on lines go there. */
  turnTo(name: string): Promise<void>
  who(): string[]
  showHistory(limit: number): void
  fingerprints(): string[]
  changePassphrase(): Promise<void>
  /** In the operator's console only. */
  operator?: OperatorActions | undefined
  quit(): void
}

/** Runs it, and says what is refused. */
export async function refusable(
  { warn }: Pick<CommandContext, 'warn'>,
  act: () => Promise<void> | void,
): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    warn(refusal(error.why))
  }
}

export interface Command {
  name: string
  /** Stands behind the name. */
  argument?: string
  help: string
  /** It is for the operator's console. */
  isOperators?: true
  run(context: CommandContext, argument: string): Promise<void> | void
}
