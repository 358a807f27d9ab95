// Commands of the operator's console alone. Rows of the table in commands.ts.

import { isHandle } from '../../protocol/identity/handle.js'
import { THAT_IS_YOU } from '../words/chat.js'
import * as words from '../words/commands.js'
import { badHandle } from '../words/typed.js'
import type { Command, CommandContext, OperatorActions } from './command.js'

export const OPERATOR_COMMANDS: readonly Command[] = [
  {
    name: 'ban',
    argument: 'HANDLE',
    help: 'end the lines of HANDLE, and keep them out',
    isOperators: true,
    run: onHandle(async (operator, { say, handle: own, warn }, handle) => {
      if (handle === own) return warn(THAT_IS_YOU)
      await operator.ban(handle)
      say(words.banned(handle))
    }),
  },
  {
    name: 'unban',
    argument: 'HANDLE',
    help: 'let HANDLE in again',
    isOperators: true,
    run: onHandle(async (operator, { say, warn }, handle) => {
      if (await operator.unban(handle)) say(words.bannedNoMore(handle))
      else warn(words.notBanned(handle))
    }),
  },
  { name: 'bans', help: 'who is banned', isOperators: true, run: asOperator(bans) },
  {
    name: 'abuse',
    help: 'who was held back from what since the start',
    isOperators: true,
    run: asOperator(async (operator, { say }) => {
      const rows = operator.abuse().map(words.abuseRow)
      say(rows.length > 0 ? rows.join('\n') : words.NOBODY_HELD_BACK)
    }),
  },
]

type Act = (operator: OperatorActions, context: CommandContext, argument: string) => Promise<void>

function asOperator(act: Act): Command['run'] {
  return async (context, argument) => {
    if (context.operator) await act(context.operator, context, argument)
    else context.warn(words.FOR_THE_OPERATOR)
  }
}

function onHandle(act: Act): Command['run'] {
  return asOperator(async (operator, context, handle) => {
    if (isHandle(handle)) await act(operator, context, handle)
    else context.warn(handle === '' ? words.WHOM : badHandle(handle))
  })
}

async function bans(operator: OperatorActions, { say }: CommandContext): Promise<void> {
  const all = await operator.bans()
  const rows = all.map(({ name, bannedAt }) => words.banRow(name, bannedAt))
  say(rows.length > 0 ? rows.join('\n') : words.NOBODY_BANNED)
}
