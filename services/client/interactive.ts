// The client at a terminal: who one is, the line, and the chat.

import { type Endpoint, openLocalEndpoint } from '../endpoint/index.js'
import type { Terminal } from '../terminal/entry.js'
import { openTerminal } from '../terminal/terminal.js'
import { Chat } from './chat.js'
import { completions } from './commands/commands.js'
import { eventBuffer } from './event-buffer.js'
import type { Exit } from './exit.js'
import type { ClientOptions } from './options.js'
import { askToJoin, isAsking, makeRoom, type Purpose } from './start/link.js'
import { openWithPassphrase } from './start/passphrase.js'
import { passphraseGiven, refusesHandle, startOptions } from './start/start.js'
import { removeVault } from './start/vault-folder.js'
import { askWho, type Who, type Wish } from './start/who.js'
import { PROGRAM } from './words/help.js'
import { phraseAdvice, phraseRows, WORDS_UNCONFIRMED, WRONG_WORDS } from './words/start.js'

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
    let wish: Wish = { handle: options.handle, purpose: purposeOf(options) }
    for (;;) {
      const who = await askWho(options, terminal, wish)
      if (!who) return 'done'
      const session = await openSession(options, terminal, who)
      chat = session.chat
      const outcome = await Promise.race([left.then(() => 'left' as const), session.over])
      // On the word of a server nothing goes that one has taken in before.
      const isOfUse = session.endpoint.wasTakenIn()
      // Nor do the words stay where the person goes away before the device is in.
      if (who.joins) await session.endpoint.abandonJoining()
      await session.endpoint.close()
      if (outcome === 'left') return 'done'
      if (outcome === 'revoked' || isOfUse) return 'stopped'
      chat = undefined
      if (outcome === 'not-joined') return 'stopped'
      // Nobody knows the account: begin again with another handle, or other words.
      removeVault(who.folder)
      wish = { handle: undefined, purpose: who.joins?.purpose }
    }
  } finally {
    terminal.close()
  }
}

type Over = 'refused' | 'revoked' | 'not-joined'

const purposeOf = ({ action }: ClientOptions): Wish['purpose'] =>
  action === 'link' || action === 'recover' ? action : undefined

interface Session {
  endpoint: Endpoint
  chat: Chat
  /** Resolves when a new account or device is not let in, or this device was revoked, or the person does not agree. */
  over: Promise<Over>
}

async function openSession(
  options: ClientOptions,
  terminal: Terminal,
  { folder, handle: given, joins }: Who,
): Promise<Session> {
  const { promise: over, resolve: end } = Promise.withResolvers<Over>()
  const events = eventBuffer()
  const endpoint = await openWithPassphrase(terminal, passphraseGiven(), passphrase =>
    openLocalEndpoint({
      ...{ folder, passphrase, keyChange: options.keyChange, requests: options.requests },
      onEvent: events.push,
    }),
  )
  const fresh = endpoint.account() === undefined
  const { handle } = await endpoint.prepare({
    ...(given ? { handle: given } : {}),
    ...(joins ? { seed: joins.seed, asksBeforeJoining: true } : {}),
    keepsWords: true,
    ...startOptions(options, fresh),
  })
  const join = async (purpose: Purpose) => {
    terminal.status('')
    if (await askToJoin(endpoint, terminal, purpose)) return
    await endpoint.abandonJoining()
    end(fresh ? 'refused' : 'not-joined')
  }
  let isShown = false
  const showPhraseOnce = () => {
    const phrase = !isShown && endpoint.keepsWords() ? endpoint.recoveryPhrase() : undefined
    isShown = true
    if (phrase && fresh) chat.say(phraseAdvice(PROGRAM), phraseRows(phrase))
    else if (phrase) chat.warn(WORDS_UNCONFIRMED)
  }
  const chat = new Chat({ endpoint, terminal, handle, quit: () => process.kill(process.pid, 'SIGTERM') })
  events.drainTo(event => {
    // A device that is to be one of the account's is on no list yet: that is a question, and no failure.
    if (joins && event.type === 'line' && isAsking(event.line)) return void join(joins.purpose)
    chat.onEvent(event)
    if (event.type === 'operator' && event.handle) void chat.turnToFirst(event.handle)
    if (fresh && refusesHandle(event)) {
      if (joins) chat.warn(WRONG_WORDS)
      end('refused')
    }
    if (event.type !== 'line') return
    if (event.line.state === 'stopped' && event.line.reason === 'revoked') end('revoked')
    if (event.line.state === 'stopped' && event.line.reason === 'too-many-devices')
      void makeRoom(endpoint, terminal).then(made => made || end('refused'))
    if (event.line.state === 'up') showPhraseOnce()
  })
  const to = options.to ?? options.invite?.inviter?.handle ?? endpoint.operator()
  if (to) await chat.turnToFirst(to)
  endpoint.connect()
  return { endpoint, chat, over }
}
