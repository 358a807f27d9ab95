// What a person decides about others: who they are, and whether to hear of them. Rows of the table in commands.ts.

import { type Command, type CommandContext, refusable } from './command.js'

/** Groups of digits in a row: 23 characters, which fit a narrow terminal. */
const GROUPS_PER_ROW = 4

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
    run: onPerson((context, handle) => context.endpoint.markVerified(handle)),
  },
  {
    name: 'accept',
    argument: 'HANDLE',
    help: 'accept the changed key of HANDLE',
    run: onPerson((context, handle) => context.endpoint.accept(handle)),
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
  { name: 'invite-link', help: 'a link for somebody new on this server', run: inviteLink },
]

type Act = (context: CommandContext, handle: string) => Promise<void> | void

/** Without an argument: the person whom lines go to now. Says what is refused. */
function onPerson(act: Act): Command['run'] {
  return async (context, argument) => {
    const { endpoint, target, warn } = context
    const handle =
      argument ||
      endpoint.people().find(({ conversation }) => conversation === target()?.conversation)?.handle
    if (!handle) return warn('whom? Give a HANDLE')
    if (handle === context.handle) return warn('that is you')
    await refusable(context, () => act(context, handle))
  }
}

function verify({ endpoint, handle: own, say }: CommandContext, handle: string): void {
  const { number, qr, isNew, isVerified } = endpoint.verify(handle)
  const groups = number.split(' ')
  const rows = Array.from({ length: groups.length / GROUPS_PER_ROW }, (_, row) =>
    groups.slice(row * GROUPS_PER_ROW, (row + 1) * GROUPS_PER_ROW).join(' '),
  )
  const next = isNew ? `/accept ${handle} and /verified ${handle}` : `/verified ${handle}`
  say(
    [
      `safety number with ${handle}${isNew ? ', with their new key' : ''}${isVerified ? ', verified ✔' : ''}:`,
      ...rows,
      `Compare it by another way than this chat: where you see ${handle}, or hear a voice that you know. ` +
        `There it is shown by /verify ${own}. The same on both sides: ${next}. ` +
        'Not the same: somebody reads along, so write nothing that matters.',
    ].join('\n'),
    qr,
  )
}

async function inviteLink({ endpoint, operator, say, warn }: CommandContext): Promise<void> {
  if (operator)
    return say('for one new account, or somebody who has one already:', [await operator.inviteLink()])
  const link = endpoint.inviteLink()
  if (!link) {
    const server = endpoint.server()
    return warn(
      server
        ? `this server is known by an authority's certificate: its address ${server.host}:${server.port} is enough`
        : 'no server is known yet',
    )
  }
  say(
    'whoever follows it knows this server and you by your keys. Where new accounts need a token, ask the operator:',
    [link],
  )
}
