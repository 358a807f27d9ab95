// A person at a terminal: joins an endpoint to it. The operator's console is the same.

import { type Endpoint, type EndpointEvent, type LineState, VaultError } from '../endpoint/index.js'
import { accountFingerprint, formatFingerprint } from '../protocol/identity/fingerprint.js'
import { isHandle } from '../protocol/identity/handle.js'
import { nodeCrypto } from '../protocol/node/crypto.js'
import type { Entry, Terminal } from '../terminal/entry.js'
import type { CommandContext, OperatorActions } from './commands/command.js'
import { readTyped } from './commands/commands.js'
import { standing, whyNotSent } from './prompt.js'
import { errorWords } from './words/errors.js'
import { entryOf, markOf, nameOf, noticeOf, statusOf } from './words/events.js'
import { sendFailure } from './words/history.js'
import { downCause, stopCause } from './words/line.js'
import { badHandle } from './words/typed.js'
import { vaultCause } from './words/vault.js'

/** Lines of history shown at the start. */
const SHOWN_AT_START = 20

export interface Chat {
  onEvent(event: EndpointEvent): void
  onLine(line: string): Promise<void>
  say(text: string, figure?: readonly string[]): void
  warn(text: string): void
  /** Whose handles Tab completes. */
  handles(): string[]
  /** Turns to a person, if nobody was turned to. */
  turnToFirst(handle: string): Promise<void>
}

export interface ChatOptions {
  endpoint: Endpoint
  terminal: Terminal
  handle: string
  /** In the operator's console. */
  operator?: OperatorActions
  quit(): void
}

export function openChat({ endpoint, terminal, handle, operator, quit }: ChatOptions): Chat {
  let target: { title: string; conversation: bigint } | undefined
  let lastLine: LineState['state'] | undefined
  let last: Promise<void> = Promise.resolve()

  const print = (entry: Entry) => terminal.print(entry)
  const notice = (level: 'info' | 'warning' | 'error') => (text: string, figure?: readonly string[]) =>
    print({ kind: 'notice', at: new Date(), level, text, ...(figure ? { figure } : {}) })
  const [say, warn, fail] = [notice('info'), notice('warning'), notice('error')]
  const named = () => endpoint.conversations().length > 1
  const titleOf = (conversation: bigint) =>
    endpoint.conversations().find(({ number }) => number === conversation)?.peer ?? '?'
  const prompt = () =>
    terminal.prompt(
      target
        ? `${handle} → ${titleOf(target.conversation)}${standing(endpoint, target.conversation)}> `
        : `${handle}> `,
    )

  const showHistory = (limit: number) => {
    if (!target) return warn('with whom? /to HANDLE')
    const entries = endpoint.history(target.conversation, limit)
    if (entries.length === 0) say(`nothing was said with ${target.title} yet`)
    for (const entry of entries) print(entryOf(entry, named()))
  }
  const turn = (conversation: bigint) => {
    target = { title: titleOf(conversation), conversation }
    prompt()
  }
  const turnTo = async (to: string) => {
    const known = endpoint.conversations().find(({ kind, peer }) => kind !== 'direct' && peer === to)
    if (known) return turn(known.number)
    if (to.startsWith('#')) return warn(`there is no room ${to}: /who lists what there is`)
    if (!isHandle(to)) return warn(badHandle(to))
    if (to === handle) return warn('that is you')
    turn(await endpoint.open(to))
  }
  const sendTo = async (conversation: bigint, text: string) => {
    try {
      await endpoint.send(conversation, text)
      const why = whyNotSent(endpoint, conversation)
      if (why) warn(why)
    } catch (error) {
      const why = errorWords(error)
      if (why === undefined) throw error
      fail(`not sent: ${why}. ↑ brings the line back`)
    }
  }
  /** Says what went wrong where a person can do something about it. */
  const telling = async (work: Promise<void>) => {
    try {
      await work
    } catch (error) {
      if (!(error instanceof VaultError)) throw error
      fail(vaultCause(error.why))
    }
  }
  const sendOnce = async (to: string, text: string) => {
    if (!isHandle(to)) return warn(`not sent: ${badHandle(to)} ↑ brings the line back`)
    if (to === handle) return warn('that is you')
    await sendTo(await endpoint.open(to), text)
  }

  const commands: CommandContext = {
    handle,
    endpoint,
    target: () => target,
    turn,
    say,
    warn,
    ask: question => terminal.ask(question),
    turnTo,
    who: () => whoRows(endpoint),
    showHistory,
    fingerprints: () => fingerprintRows(endpoint),
    changePassphrase: () => changePassphrase(endpoint, terminal, { say, warn }),
    operator,
    quit,
  }
  const onLineState = (line: LineState) => {
    terminal.status(statusOf(line))
    if (line.state === 'stopped') fail(stopCause(line.cause))
    else if (line.state === 'down' && lastLine === 'up')
      warn(
        `the line to the server is down: ${downCause(line.cause)}. It is tried again by itself; what you write waits here`,
      )
    else if (line.state === 'up') say(lastLine === undefined ? 'connected' : 'the line to the server is up')
    if (line.state !== 'connecting') lastLine = line.state
  }

  const act = async (line: string) => {
    const typed = readTyped(line)
    if (typed.kind === 'command') await typed.command.run(commands, typed.argument)
    else if (typed.kind === 'unknown') warn(`there is no /${typed.name}: /help lists what there is`)
    else if (typed.kind === 'to') await sendOnce(typed.handle, typed.text)
    else if (target) await sendTo(target.conversation, typed.text)
    else warn('not sent: to whom? /to HANDLE, or @HANDLE text. ↑ brings the line back')
  }

  prompt()
  return {
    onEvent(event) {
      if (event.type === 'line') onLineState(event.line)
      else if (event.type === 'message') {
        print(entryOf(event.entry, named()))
        prompt()
        if (!event.entry.own && !target) void telling(turnTo(event.entry.peer))
      } else if (event.type === 'state') {
        const mark = markOf(event.state)
        if (mark) terminal.mark(nameOf(event.id), mark)
        if (event.failure) fail(`a message to ${event.peer} was not sent: ${sendFailure(event.failure)}`)
      } else {
        const said = noticeOf(event)
        if (said) print(said)
        if (event.type === 'contact' || event.type === 'key-changed') prompt()
      }
    },
    onLine(line) {
      // A line must not overtake the /to before it.
      last = last.then(() => telling(act(line)))
      return last
    },
    say,
    warn,
    handles: () => endpoint.conversations().map(({ peer }) => peer),
    async turnToFirst(to) {
      if (target) return
      await turnTo(to)
      const entries = target
        ? endpoint.history((target as { conversation: bigint }).conversation, SHOWN_AT_START)
        : []
      for (const entry of entries) print(entryOf(entry, named()))
    },
  }
}

const STATE_WORDS = {
  ready: '',
  opening: ', conversation is being opened',
  'key-changed': ', key changed: nothing is sent',
}

function whoRows(endpoint: Endpoint): string[] {
  const people = endpoint.people()
  const rooms = endpoint.conversations().filter(({ kind }) => kind === 'room')
  if (people.length + rooms.length === 0) return ['nobody yet: give somebody the invite link']
  const width = Math.max(
    ...people.map(({ handle }) => handle.length),
    ...rooms.map(({ peer }) => peer.length),
  )
  const roomRows = rooms.map(({ peer, number }) => {
    const { members, state } = endpoint.room(number)
    return `${peer.padEnd(width)}  ${state === 'ended' ? 'you are not in it any more' : `room of ${members.length}`}`
  })
  const rows = people.map(({ handle, here, lastHeard, state, verified }) => {
    const presence = here ? 'here' : 'away'
    const heard = lastHeard
      ? `last heard ${lastHeard.toISOString().slice(0, 16).replace('T', ' ')} UTC`
      : 'never heard'
    if (state === 'blocked') return `${handle.padEnd(width)}  blocked`
    return `${handle.padEnd(width)}  ${presence}, ${heard}${verified ? ', verified' : ''}${STATE_WORDS[state]}`
  })
  return [...rows, ...roomRows]
}

function fingerprintRows(endpoint: Endpoint): string[] {
  const rows: string[] = []
  const server = endpoint.server()
  if (server)
    rows.push(
      `server ${server.host}:${server.port}  ${server.fingerprint ? formatFingerprint(server.fingerprint) : 'certificate of an authority'}`,
    )
  const account = endpoint.account()
  if (account)
    rows.push(
      `you    ${account.handle}  ${formatFingerprint(accountFingerprint(nodeCrypto, account.accountKey))}`,
    )
  for (const { handle, accountKey } of endpoint.contacts())
    rows.push(`person ${handle}  ${formatFingerprint(accountFingerprint(nodeCrypto, accountKey))}`)
  return rows
}

async function changePassphrase(
  endpoint: Endpoint,
  terminal: Terminal,
  { say, warn }: { say(text: string): void; warn(text: string): void },
): Promise<void> {
  const first = await terminal.ask('new passphrase (empty: none): ', { secret: true })
  if (first === undefined) return warn('left as it was')
  const second = await terminal.ask('once more: ', { secret: true })
  if (first !== second) return warn('the two differ: left as it was')
  await endpoint.changePassphrase(first === '' ? undefined : first)
  say(
    first === '' ? 'there is no passphrase now' : 'the passphrase is set; it is asked for at the next start',
  )
}
