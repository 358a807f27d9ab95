// A person at a terminal: joins an endpoint to it. The operator's console is the same.

import {
  type ConversationNumber,
  type Endpoint,
  type EndpointEvent,
  type LineState,
  VaultError,
} from '../endpoint/index.js'
import { isHandle } from '../protocol/identity/handle.js'
import type { Entry, Terminal } from '../terminal/entry.js'
import type { CommandContext, CommandEndpoint, OperatorActions } from './commands/command.js'
import { readTyped } from './commands/commands.js'
import { ShownKeys } from './commands/shown-keys.js'
import * as words from './words/chat.js'
import { errorWords } from './words/errors.js'
import { entryOf, markOf, messageName, noticeOf, statusOf } from './words/events.js'
import { stopCause } from './words/line.js'
import { fingerprintRows, trustMark, whoRows, whyNotSent } from './words/people.js'
import { badHandle } from './words/typed.js'

/** Lines of history shown at the start. */
const SHOWN_AT_START = 20

export interface ChatOptions {
  endpoint: CommandEndpoint &
    Pick<
      Endpoint,
      | 'account'
      | 'changePassphrase'
      | 'contacts'
      | 'conversation'
      | 'conversations'
      | 'history'
      | 'open'
      | 'people'
      | 'send'
    >
  terminal: Pick<Terminal, 'ask' | 'mark' | 'print' | 'prompt' | 'status'>
  handle: string
  /** In the operator's console. */
  operator?: OperatorActions
  quit(): void
}

type Target = NonNullable<ReturnType<CommandContext['target']>>

export class Chat {
  readonly #options: ChatOptions
  readonly #commands: CommandContext
  readonly #shownKeys = new ShownKeys()
  #target: Target | undefined
  /** Lines say whose conversation they are of. */
  #areSeveral = false
  #lastLine: LineState['state'] | undefined
  #last: Promise<void> = Promise.resolve()

  constructor(options: ChatOptions) {
    this.#options = options
    const { endpoint, terminal, handle, operator, quit } = options
    this.#commands = {
      handle,
      endpoint,
      shownKeys: this.#shownKeys,
      target: () => this.#target,
      turn: conversation => this.#turn(conversation),
      say: this.say,
      warn: this.warn,
      ask: question => terminal.ask(question),
      turnTo: name => this.#turnTo(name),
      who: () => whoRows(endpoint),
      showHistory: limit => this.#showHistory(limit),
      fingerprints: () => fingerprintRows(endpoint),
      changePassphrase: () => this.#changePassphrase(),
      operator,
      quit,
    }
    this.#prompt()
  }

  say = (text: string, figure?: readonly string[]): void => this.#notice('info', text, figure)

  warn = (text: string): void => this.#notice('warning', text)

  onEvent = (event: EndpointEvent): void => {
    if (event.type === 'line') this.#onLineState(event.line)
    else if (event.type === 'message') {
      this.#print(entryOf(event.entry, this.#isNamed()))
      this.#prompt()
      if (!event.entry.own && !this.#target) void this.#telling(this.#turnTo(event.entry.peer))
    } else if (event.type === 'state') {
      const mark = markOf(event.state)
      if (mark) this.#options.terminal.mark(messageName(event.id), mark)
      if (event.failure) this.#fail(words.failed(event.peer, event.failure))
    } else {
      if (event.type === 'key-changed') this.#shownKeys.told(event.handle, event.seen)
      const said = noticeOf(event)
      if (said) this.#print(said)
      if (event.type === 'contact' || event.type === 'key-changed') this.#prompt()
    }
  }

  onLine(line: string): Promise<void> {
    // A line must not overtake the /to before it.
    this.#last = this.#last.then(() => this.#telling(this.#act(line)))
    return this.#last
  }

  /** Tab completes these. */
  handles(): string[] {
    return this.#options.endpoint.conversations().map(({ peer }) => peer)
  }

  /** Turns to a person, if nobody was turned to. */
  async turnToFirst(to: string): Promise<void> {
    if (this.#target) return
    await this.#turnTo(to)
    if (this.#target) this.#show(this.#target, SHOWN_AT_START)
  }

  #print(entry: Entry): void {
    this.#options.terminal.print(entry)
  }

  #notice(level: 'info' | 'warning' | 'error', text: string, figure?: readonly string[]): void {
    this.#print({ kind: 'notice', at: new Date(), level, text, ...(figure ? { figure } : {}) })
  }

  #fail(text: string): void {
    this.#notice('error', text)
  }

  /** Whether lines say whose conversation they are of, because there are several. */
  #isNamed(): boolean {
    // There is none less, ever.
    this.#areSeveral ||= this.#options.endpoint.conversations().length > 1
    return this.#areSeveral
  }

  #titleOf(conversation: ConversationNumber): string {
    return this.#options.endpoint.conversation(conversation)?.peer ?? '?'
  }

  #prompt(): void {
    const { endpoint, terminal, handle } = this.#options
    const target = this.#target?.conversation
    const to = target === undefined ? '' : ` → ${this.#titleOf(target)}${trustMark(endpoint, target)}`
    terminal.prompt(`${handle}${to}> `)
  }

  #show({ conversation }: Target, limit: number): number {
    const entries = this.#options.endpoint.history(conversation, limit)
    for (const entry of entries) this.#print(entryOf(entry, this.#isNamed()))
    return entries.length
  }

  #showHistory(limit: number): void {
    if (!this.#target) this.warn(words.WITH_WHOM)
    else if (this.#show(this.#target, limit) === 0) this.say(words.nothingSaid(this.#target.title))
  }

  #turn(conversation: ConversationNumber): void {
    this.#target = { title: this.#titleOf(conversation), conversation }
    this.#prompt()
  }

  async #turnTo(to: string): Promise<void> {
    const { endpoint, handle } = this.#options
    const known = endpoint.conversations().find(({ kind, peer }) => kind !== 'direct' && peer === to)
    if (known) this.#turn(known.number)
    else if (to.startsWith('#')) this.warn(words.noRoom(to))
    else if (!isHandle(to)) this.warn(badHandle(to))
    else if (to === handle) this.warn(words.THAT_IS_YOU)
    else this.#turn(await endpoint.open(to))
  }

  async #sendTo(conversation: ConversationNumber, text: string): Promise<void> {
    const { endpoint } = this.#options
    try {
      await endpoint.send(conversation, text)
      const why = whyNotSent(endpoint, conversation)
      if (why) this.warn(why)
    } catch (error) {
      const why = errorWords(error)
      if (why === undefined) throw error
      this.#fail(words.notSent(why))
    }
  }

  async #sendOnce(to: string, text: string): Promise<void> {
    const { endpoint, handle } = this.#options
    if (!isHandle(to)) this.warn(words.notSentTo(to))
    else if (to === handle) this.warn(words.THAT_IS_YOU)
    else await this.#sendTo(await endpoint.open(to), text)
  }

  /** Says what went wrong where a person can do something about it. */
  async #telling(work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      const why = error instanceof VaultError ? errorWords(error) : undefined
      if (why === undefined) throw error
      this.#fail(why)
    }
  }

  async #act(line: string): Promise<void> {
    const typed = readTyped(line)
    if (typed.kind === 'command') await typed.command.run(this.#commands, typed.argument)
    else if (typed.kind === 'unknown') this.warn(words.noCommand(typed.name))
    else if (typed.kind === 'to') await this.#sendOnce(typed.handle, typed.text)
    else if (this.#target) await this.#sendTo(this.#target.conversation, typed.text)
    else this.warn(words.TO_WHOM)
  }

  #onLineState(line: LineState): void {
    this.#options.terminal.status(statusOf(line))
    if (line.state === 'stopped') this.#fail(stopCause(line.cause))
    else if (line.state === 'down' && this.#lastLine === 'up') this.warn(words.lineDown(line.cause))
    else if (line.state === 'up') this.say(words.lineUp(this.#lastLine === undefined))
    if (line.state !== 'connecting') this.#lastLine = line.state
  }

  async #changePassphrase(): Promise<void> {
    const { endpoint, terminal } = this.#options
    const first = await terminal.ask(words.NEW_PASSPHRASE, { secret: true })
    if (first === undefined) return this.warn(words.LEFT_AS_IT_WAS)
    const second = await terminal.ask(words.ONCE_MORE, { secret: true })
    if (first !== second) return this.warn(words.TWO_DIFFER)
    await endpoint.changePassphrase(first === '' ? undefined : first)
    this.say(words.passphraseSet(first === ''))
  }
}
