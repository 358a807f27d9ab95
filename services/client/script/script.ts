// The client in a pipe: every line of the input is a message, what arrives is printed, and it ends when the input
// has ended and everything sent is where it was to be.

import type { Readable } from 'node:stream'
import {
  type ConversationNumber,
  type Endpoint,
  type EndpointEvent,
  type LineState,
  Refusal,
} from '../../endpoint/index.js'
import type { Exit } from '../exit.js'
import { deviceMeant } from '../words/devices.js'
import { readLines } from './lines.js'
import { type Output, tell, tellUnsent } from './output.js'

export interface ScriptOptions extends Output {
  endpoint: Pick<Endpoint, 'devices' | 'giveHistory' | 'person' | 'send' | 'unsettled'>
  input: Readable
  waitDelivered: boolean
  follow: boolean
  timeoutMs: number | undefined
  /** The device that is handed the history as soon as it waits for it. */
  giveHistory: string | undefined
}

export class Script {
  /** How it ends once everything is where it was to be. */
  #result: Exit = 'done'
  #hasInputEnded = false
  /** The line is up, or cannot be had: whatever the server had to say against this device, it has said. */
  #hasServerSpoken = false
  #isGiving = false
  #target: ConversationNumber | undefined
  /** Handles whose changed key nobody has accepted. */
  readonly #changed = new Set<string>()
  readonly #finished = Promise.withResolvers<Exit>()

  constructor(private readonly options: ScriptOptions) {}

  onEvent(event: EndpointEvent): void {
    tell(this.options, event)
    if (event.type === 'line') this.#onLine(event.line)
    if (event.type === 'line' || event.type === 'devices') void this.#giveHistory()
    if (event.type === 'key-changed' && event.policy === 'block') {
      this.#changed.add(event.handle)
      this.#stopAtChange()
    }
    if (event.type !== 'state') return
    if (event.state === 'failed') this.#result = 'unsent'
    this.#settle()
  }

  /**
   * Sends the input to this conversation. Resolves when the script is done; the time that it may take also runs while
   * the conversation is not known. Rejects where that does, and with VaultError.
   */
  async run(conversation: Promise<ConversationNumber>): Promise<Exit> {
    await Promise.race([this.#finished.promise, this.#read(conversation)])
    return await this.#finished.promise
  }

  /** Ends it from outside. */
  stop(exit: Exit): void {
    this.#finished.resolve(exit)
  }

  /** A signal ends it: in peace where nothing is left to be sent. */
  interrupt(): void {
    this.stop(this.options.endpoint.unsettled().unsent === 0 ? this.#result : 'timeout')
  }

  async #read(conversation: Promise<ConversationNumber>): Promise<void> {
    const unknown = this.#limitTime()
    const to = await conversation
    clearTimeout(unknown)
    this.#target = to
    if (this.#changed.size > 0) this.#stopAtChange()
    for await (const line of readLines(this.options.input)) await this.#send(to, line)
    this.#hasInputEnded = true
    this.#limitTime()
    this.#settle()
  }

  async #send(conversation: ConversationNumber, text: string): Promise<void> {
    try {
      await this.options.endpoint.send(conversation, text)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#result = 'unsent'
      tellUnsent(this.options, error.why)
    }
  }

  /** Once: it waits no more from then on. */
  async #giveHistory(): Promise<void> {
    const { endpoint, giveHistory } = this.options
    const device = giveHistory === undefined ? undefined : deviceMeant(endpoint.devices(), giveHistory)
    if (!device?.waitsForHistory || device.isThis || this.#isGiving) return
    this.#isGiving = true
    try {
      await endpoint.giveHistory(device.id)
    } catch (error) {
      // It was revoked meanwhile.
      if (!(error instanceof Refusal)) this.#finished.reject(error)
    }
  }

  #onLine(line: LineState): void {
    if (line.state === 'stopped') this.stop(line.reason === 'vault' ? 'failed' : 'stopped')
    else if (line.state !== 'connecting') {
      this.#hasServerSpoken = true
      this.#settle()
    }
  }

  #settle(): void {
    if (!this.#hasInputEnded || !this.#hasServerSpoken || this.options.follow) return
    const { unsent, undelivered } = this.options.endpoint.unsettled()
    if ((this.options.waitDelivered ? undelivered : unsent) === 0) this.stop(this.#result)
  }

  #limitTime(): NodeJS.Timeout | undefined {
    const { timeoutMs, follow } = this.options
    if (timeoutMs === undefined || follow) return undefined
    return setTimeout(() => this.stop('timeout'), timeoutMs).unref()
  }

  /** Lines to somebody whose changed key nobody accepts would wait for ever. */
  #stopAtChange(): void {
    if (this.options.follow || this.#target === undefined) return
    const to = this.options.endpoint.person(this.#target)
    if (to && this.#changed.has(to.handle)) this.stop('stopped')
  }
}
