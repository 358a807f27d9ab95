// A command as it is typed, on an endpoint that has what a test gives it and refuses to do anything else.

import type {
  CommandContext,
  CommandEndpoint,
  OperatorActions,
} from '../../services/client/commands/command.js'
import { readTyped } from '../../services/client/commands/commands.js'
import { ShownKeys } from '../../services/client/commands/shown-keys.js'
import type { ConversationNumber } from '../../services/endpoint/ids.js'

export const unexpected = (): never => {
  throw new Error('this is not expected of the endpoint')
}

/** Every member is written out: one that the door has no more, or has otherwise, does not compile. */
export const NOTHING: CommandEndpoint = {
  accept: unexpected,
  admit: unexpected,
  block: unexpected,
  changeRoom: unexpected,
  confirmWords: unexpected,
  createRoom: unexpected,
  decline: unexpected,
  devices: unexpected,
  examine: unexpected,
  giveHistory: unexpected,
  inviteLink: unexpected,
  leaveRoom: unexpected,
  markVerified: unexpected,
  nameDevice: unexpected,
  person: unexpected,
  recoveryPhrase: unexpected,
  repair: unexpected,
  requests: unexpected,
  revokeDevice: unexpected,
  room: unexpected,
  server: unexpected,
  unblock: unexpected,
  verify: unexpected,
}

export type Answer = string | ((question: string) => string)

export interface Place {
  endpoint?: Partial<CommandEndpoint>
  target?: { title: string; conversation: ConversationNumber }
  /** A person's answers, in order, some to what is asked; then none. */
  answers?: readonly Answer[]
  operator?: OperatorActions | undefined
  shownKeys?: ShownKeys
}

interface Ran {
  said: { text: string; figure: readonly string[] | undefined }[]
  warned: string[]
  /** Everything else that the chat was asked for. */
  calls: unknown[][]
}

/** Runs one typed line, as alice. */
export async function runCommand(
  line: string,
  { endpoint = {}, target, answers = [], operator, shownKeys = new ShownKeys() }: Place = {},
): Promise<Ran> {
  const ran: Ran = { said: [], warned: [], calls: [] }
  const rest = [...answers]
  const note = (name: string) => async (argument?: unknown) => void ran.calls.push([name, argument])
  const context: CommandContext = {
    handle: 'alice',
    endpoint: { ...NOTHING, ...endpoint },
    shownKeys,
    target: () => target,
    turn: conversation => void ran.calls.push(['turn', conversation]),
    say: (text, figure) => void ran.said.push({ text, figure }),
    warn: text => void ran.warned.push(text),
    async ask(question) {
      const answer = rest.shift()
      return typeof answer === 'function' ? answer(question) : answer
    },
    turnTo: note('turnTo'),
    who: () => ['bob  here'],
    showHistory: note('showHistory'),
    fingerprints: () => ['server SHA256:x'],
    changePassphrase: note('changePassphrase'),
    operator,
    quit: note('quit'),
  }
  const typed = readTyped(line)
  if (typed.kind !== 'command') throw new Error(`${line} is no command`)
  await typed.command.run(context, typed.argument)
  return ran
}
