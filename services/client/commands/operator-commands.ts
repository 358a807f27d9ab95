// What only the operator's console can do. Rows of the table in commands.ts.

import { isHandle } from '../../protocol/identity/handle.js'
import { badHandle } from '../words/typed.js'
import type { Command, CommandContext, OperatorActions } from './command.js'

export const OPERATOR_COMMANDS: readonly Command[] = [
  {
    name: 'ban',
    argument: 'HANDLE',
    help: 'end the lines of HANDLE, and keep them out',
    isOperators: true,
    run: onHandle(async (operator, { say, handle: own, warn }, handle) => {
      if (handle === own) return warn('that is you')
      await operator.ban(handle)
      say(`${handle} is banned`)
    }),
  },
  {
    name: 'unban',
    argument: 'HANDLE',
    help: 'let HANDLE in again',
    isOperators: true,
    run: onHandle(async (operator, { say, warn }, handle) => {
      if (await operator.unban(handle)) say(`${handle} is not banned any more`)
      else warn(`${handle} is not banned`)
    }),
  },
  { name: 'bans', help: 'who is banned', isOperators: true, run: asOperator(bans) },
]

type Act = (operator: OperatorActions, context: CommandContext, argument: string) => Promise<void>

function asOperator(act: Act): Command['run'] {
  return async (context, argument) => {
    if (context.operator) await act(context.operator, context, argument)
    else context.warn("that is for the server's operator")
  }
}

function onHandle(act: Act): Command['run'] {
  return asOperator(async (operator, context, handle) => {
    if (isHandle(handle)) await act(operator, context, handle)
    else context.warn(handle === '' ? 'whom? Give a HANDLE' : badHandle(handle))
  })
}

async function bans(operator: OperatorActions, { say }: CommandContext): Promise<void> {
  const all = await operator.bans()
  const rows = all.map(({ name, bannedAt }) => `${name}  since ${bannedAt.toISOString().slice(0, 10)}`)
  say(rows.length > 0 ? rows.join('\n') : 'nobody is banned')
}
