// The client at a terminal: who one is, the line, and the chat.

import { join } from 'node:path'
import { type Endpoint, openEndpoint } from '../endpoint/endpoint.js'
import { HANDLE_RULE, isHandle } from '../endpoint/identity/handle.js'
import type { Terminal } from '../terminal/entry.js'
import { openTerminal } from '../terminal/terminal.js'
import { type Chat, openChat } from './chat.js'
import { completions } from './commands.js'
import { eventBuffer } from './event-buffer.js'
import type { Exit } from './exit.js'
import type { ClientOptions } from './options.js'
import { openWithPassphrase } from './passphrase.js'
import { passphraseGiven, refusesHandle, startOptions } from './start.js'
import { chooseVault, removeVault } from './vault-folder.js'

export async function runInteractive(options: ClientOptions): Promise<Exit> {
  let chat: Chat | undefined
  let leave: () => void = () => undefined
  const left = new Promise<void>(resolve => {
    leave = resolve
  })
  const terminal = openTerminal({
    input: process.stdin,
    output: process.stdout,
    color: !process.env.NO_COLOR,
    onLine: line => chat?.onLine(line),
    onEnd: () => leave(),
    complete: line => completions(line, chat?.handles() ?? []),
  })
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, leave)
  try {
    let handle = options.handle
    for (;;) {
      const session = await openSession(options, terminal, handle)
      if (!session) return 'done'
      chat = session.chat
      const outcome = await Promise.race([left.then(() => 'left' as const), session.handleRefused])
      await session.endpoint.close()
      if (outcome === 'left') return 'done'
      chat = undefined
      // Nobody knows the account: begin again with another handle.
      removeVault(session.folder)
      handle = await askHandle(terminal, 'another handle: ')
      if (handle === undefined) return 'done'
    }
  } finally {
    terminal.close()
  }
}

interface Session {
  endpoint: Endpoint
  chat: Chat
  folder: string
  /** Resolves when a new account's handle is refused. */
  handleRefused: Promise<'refused'>
}

/** undefined: the person went away while being asked. */
async function openSession(
  options: ClientOptions,
  terminal: Terminal,
  given: string | undefined,
): Promise<Session | undefined> {
  const chosen = await chooseFolder(options.data, terminal, given)
  if (!chosen) return undefined
  let refused: (outcome: 'refused') => void = () => undefined
  const handleRefused = new Promise<'refused'>(resolve => {
    refused = resolve
  })
  const events = eventBuffer()
  const endpoint = await openWithPassphrase(terminal, passphraseGiven(), passphrase =>
    openEndpoint({ folder: chosen.folder, passphrase, keyChange: options.keyChange, onEvent: events.push }),
  )
  const fresh = endpoint.account() === undefined
  const { handle } = endpoint.prepare({
    ...(chosen.handle ? { handle: chosen.handle } : {}),
    ...startOptions(options, fresh),
  })
  const chat = openChat({ endpoint, terminal, handle, quit: () => process.kill(process.pid, 'SIGTERM') })
  events.drainTo(event => {
    chat.onEvent(event)
    if (event.type === 'operator' && event.handle) void chat.turnToFirst(event.handle)
    if (fresh && refusesHandle(event)) refused('refused')
  })
  const to = options.to ?? options.invite?.inviter?.handle ?? endpoint.operator()
  if (to) await chat.turnToFirst(to)
  endpoint.connect()
  return { endpoint, chat, folder: chosen.folder, handleRefused }
}

async function chooseFolder(
  data: string,
  terminal: Terminal,
  given: string | undefined,
): Promise<{ folder: string; handle: string | undefined } | undefined> {
  const choice = chooseVault(data, given)
  if (choice.kind === 'known') return { folder: choice.folder, handle: given }
  const question =
    choice.kind === 'several'
      ? `who are you (${choice.handles.join(', ')}, or a new handle)? `
      : 'your handle: '
  const handle = given ?? (await askHandle(terminal, question))
  return handle === undefined ? undefined : { folder: join(data, handle), handle }
}

async function askHandle(terminal: Terminal, question: string): Promise<string | undefined> {
  for (;;) {
    const handle = (await terminal.ask(question))?.trim()
    if (handle === undefined || isHandle(handle)) return handle
    terminal.print({ kind: 'notice', at: new Date(), level: 'warning', text: HANDLE_RULE })
  }
}
