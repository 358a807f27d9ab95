// Commands about others: who they are, and whether to hear of them. Rows of the table in commands.ts.

import { THAT_IS_YOU } from '../words/chat.js'
import * as words from '../words/commands.js'
import { type Command, type CommandContext, type CommandEndpoint, refusable } from './command.js'
import { safetyQr } from './safety-qr.js'

export const TRUST_COMMANDS: readonly Command[] = [
  {
    name: 'verify',
    argument: 'HANDLE',
    help: 'the safety number to compare with HANDLE',
    run: onPerson(verify),
  },
  {
    name: 'verified',
    argument: 'HANDLE',
    help: 'the number was the same at HANDLE',
    run: onPerson(verified),
  },
  {
    name: 'accept',
    argument: 'HANDLE',
    help: 'accept the changed key of HANDLE',
    run: onPerson(accept),
  },
  {
    name: 'block',
    argument: 'HANDLE',
    help: 'show nothing of HANDLE, and tell them nothing',
    run: onPerson((context, handle) => context.endpoint.block(handle)),
  },
  {
    name: 'unblock',
    argument: 'HANDLE',
    help: 'hear of HANDLE again',
    run: onPerson((context, handle) => context.endpoint.unblock(handle)),
  },
  { name: 'requests', help: 'who waits to be let in, and what they say', run: requests },
  {
    name: 'admit',
    argument: 'NAME',
    help: 'let NAME in',
    run: onRequest((endpoint, name) => endpoint.admit(name)),
  },
  {
    name: 'decline',
    argument: 'NAME',
    help: 'do not let NAME in, and leave what they have opened',
    run: onRequest((endpoint, name) => endpoint.decline(name)),
  },
  { name: 'invite-link', help: 'a link for somebody new on this server', run: inviteLink },
]

type Act = (context: CommandContext, handle: string) => Promise<void> | void

/** Without an argument: the person whom lines go to now. Says what is refused. */
function onPerson(act: Act): Command['run'] {
  return async (context, argument) => {
    const { endpoint, target, warn } = context
    const turnedTo = target()
    const handle = argument || (turnedTo && endpoint.person(turnedTo.conversation)?.handle)
    if (!handle) return warn(words.WHOM)
    if (handle === context.handle) return warn(THAT_IS_YOU)
    await refusable(context, () => act(context, handle))
  }
}

function requests({ endpoint, say }: CommandContext): void {
  const rows = endpoint.requests().flatMap(words.requestRows)
  say(rows.length > 0 ? rows.join('\n') : words.NO_REQUESTS)
}

/** Says what is refused. */
function onRequest(act: (endpoint: CommandEndpoint, name: string) => Promise<void>): Command['run'] {
  return async (context, name) => {
    if (name === '') return context.warn(words.WHOM)
    await refusable(context, () => act(context.endpoint, name))
  }
}

function verify({ endpoint, handle: own, say, shownKeys }: CommandContext, handle: string): void {
  const verification = endpoint.verify(handle)
  shownKeys.compared(handle, verification.fingerprint)
  say(words.safetyNumber(verification, { own, handle }), safetyQr(verification.number))
}

/** The key that the person has looked at last, if they have since the start. */
function verified({ endpoint, shownKeys }: CommandContext, handle: string): Promise<void> {
  return endpoint.markVerified(handle, shownKeys.of(handle))
}

/** The key that the person was shown; without that they see it first. */
async function accept(context: CommandContext, handle: string): Promise<void> {
  const { endpoint, shownKeys, warn } = context
  const shown = shownKeys.of(handle)
  if (shown === undefined) {
    verify(context, handle)
    return warn(words.compareFirst(handle))
  }
  await endpoint.accept(handle, shown)
  shownKeys.forget(handle)
}

async function inviteLink({ endpoint, operator, say, warn }: CommandContext): Promise<void> {
  if (operator) return say(words.FOR_ONE_ACCOUNT, [await operator.inviteLink()])
  const link = endpoint.inviteLink()
  if (!link) {
    const server = endpoint.server()
    return warn(server ? words.addressIsEnough(server.host, server.port) : words.NO_SERVER_YET)
  }
  say(words.FOR_ANYBODY, [link])
}
