// Parley for programs: an account, its conversations, and what happens, one event after the other. Everything that it
// does not have itself is at `endpoint`.

import { seedOf } from '../protocol/identity/recovery-phrase.js'
import { parseAddress } from '../protocol/invite/address.js'
import { isInvite, parseInvite } from '../protocol/invite/invite-link.js'
import { LineStopped } from './codes/line-error.js'
import { Refusal } from './codes/refusal.js'
import type { KeyChangePolicy } from './contacts/trust.js'
import type { Endpoint } from './endpoint.js'
import { EventQueue } from './event-queue.js'
import type { EndpointEvent, HistoryEntry, LineState, MessageId } from './events.js'
import type { StartOptions } from './first-start.js'
import type { Kind } from './history/conversations.js'
import type { ConversationNumber } from './ids.js'
import { openLocalEndpoint } from './local.js'
import type { RequestPolicy } from './messages/requests.js'
import type { RoomChange, RoomOptions, RoomView } from './rooms.js'

export interface ParleyOptions {
  /** The folder of the account's keys and history; made when absent. One process at a time has it open. */
  folder: string
  /** Of the folder; at the first start it sets one. */
  passphrase?: string
  /** The account's name on the server. Needed at the first start. */
  handle?: string
  /** HOST:PORT or an invite link. Needed at the first start. */
  server?: string
  /**
   * The 24 words of an account: this becomes a further device of it, behind those that the server lists, without a question
   * to anybody. Secret. Of use at the first start only.
   */
  phrase?: string
  /** The answer to somebody who shows another key than before; unless given, nothing is sent until it is accepted. */
  keyChange?: KeyChangePolicy
  /** Strangers who write first: unless given, they wait until they are let in (`endpoint.admit`). */
  requests?: RequestPolicy
}

/**
 * An open account. Iterated, it gives every event from its opening on, to one reader; while nobody reads, the last
 * 10,000 are kept.
 */
export class Parley implements AsyncIterable<EndpointEvent>, AsyncDisposable {
  private constructor(
    /** The rest of what an account can do: people and their keys, devices, the doctor. */
    readonly endpoint: Endpoint,
    readonly handle: string,
    private readonly events: EventQueue<EndpointEvent>,
    private readonly line: LineWatch,
  ) {}

  /**
   * Opens the account, makes it at the first start, and connects; works without a line, too. Throws VaultError for a
   * folder that cannot be opened, Refusal for what is no handle, InviteError for what is no server, RecoveryPhraseError
   * for words that are none, RangeError for a first start without a handle or a server.
   */
  static async open({ folder, passphrase, keyChange, requests, ...start }: ParleyOptions): Promise<Parley> {
    const first = startOf(start)
    return await Parley.on(
      onEvent =>
        openLocalEndpoint({
          ...{ folder, passphrase, onEvent },
          ...(keyChange && { keyChange }),
          ...(requests && { requests }),
        }),
      first,
    )
  }

  /** The same on an endpoint that is opened in another way. */
  static async on(
    open: (onEvent: (event: EndpointEvent) => void) => Promise<Endpoint>,
    start: StartOptions,
  ): Promise<Parley> {
    const events = new EventQueue<EndpointEvent>()
    const line = new LineWatch()
    const endpoint = await open(event => {
      if (event.type === 'line') line.changed(event.line)
      events.push(event)
    })
    try {
      const { handle } = await endpoint.prepare(start)
      endpoint.connect()
      return new Parley(endpoint, handle, events, line)
    } catch (error) {
      await endpoint.close()
      throw error
    }
  }

  /** Resolves as soon as the line is up. Rejects with LineStopped where it is not tried any more, or this is closed. */
  connected(): Promise<void> {
    return this.line.up()
  }

  /**
   * The conversation with a person, begun now if there is none, or behind "#" with a room that this account is in.
   * Throws Refusal for what is neither.
   */
  async conversation(name: string): Promise<Conversation> {
    const known = this.conversations().find(({ peer }) => peer === name)
    if (known) return known
    if (name.startsWith('#')) throw new Refusal({ code: 'not-a-room' })
    return new Conversation(this.endpoint, await this.endpoint.open(name), 'direct')
  }

  conversations(): Conversation[] {
    return this.endpoint
      .conversations()
      .map(({ number, kind }) => new Conversation(this.endpoint, number, kind))
  }

  /** A new room, whose admin is this account. Throws Refusal. */
  async createRoom(options: Partial<RoomOptions> & Pick<RoomOptions, 'name'>): Promise<Conversation> {
    const number = await this.endpoint.createRoom({ historyDays: 0, ...options })
    return new Conversation(this.endpoint, number, 'room')
  }

  /** Closes the line and the folder. Unsent messages stay for the next time. */
  async close(): Promise<void> {
    await this.endpoint.close()
    this.line.changed({ state: 'stopped', reason: 'closed', cause: { code: 'closed' } })
    this.events.end()
  }

  [Symbol.asyncIterator](): AsyncIterator<EndpointEvent> {
    return this.events
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Whether the line is up, and those who wait for that. */
class LineWatch {
  #state: LineState = { state: 'connecting' }
  #waiting: PromiseWithResolvers<void>[] = []

  changed(state: LineState): void {
    this.#state = state
    if (state.state === 'down' || state.state === 'connecting') return
    for (const { resolve, reject } of this.#waiting.splice(0))
      if (state.state === 'up') resolve()
      else reject(new LineStopped(state.cause))
  }

  up(): Promise<void> {
    if (this.#state.state === 'up') return Promise.resolve()
    if (this.#state.state === 'stopped') return Promise.reject(new LineStopped(this.#state.cause))
    const waiting = Promise.withResolvers<void>()
    this.#waiting.push(waiting)
    return waiting.promise
  }
}

/** A conversation with a person, or a room. */
export class Conversation {
  constructor(
    private readonly endpoint: Endpoint,
    /** As events have it. */
    readonly number: ConversationNumber,
    readonly kind: Kind,
  ) {}

  /** The other person's handle, or a room's name behind "#". */
  get peer(): string {
    return this.endpoint.conversation(this.number)?.peer ?? ''
  }

  /**
   * Saves the text; it is sent as soon as it can be, and events say how far it has come. Throws VaultError, and Refusal
   * for a text that is too long or a room that this account is not in any more.
   */
  async send(text: string): Promise<MessageId> {
    return await this.endpoint.send(this.number, text)
  }

  /** In the order of arrival; the last `limit` where that is given. */
  history(limit?: number): HistoryEntry[] {
    return this.endpoint.history(this.number, limit)
  }

  /** The room's members and its rules. Throws Refusal for a conversation that is no room. */
  room(): RoomView {
    return this.endpoint.room(this.number)
  }

  /** Changes the room as soon as that can be: invites, removes, names. Throws Refusal. */
  async change(change: RoomChange): Promise<void> {
    await this.endpoint.changeRoom(this.number, change)
  }

  /** Leaves the room. Throws Refusal. */
  async leave(): Promise<void> {
    await this.endpoint.leaveRoom(this.number)
  }
}

/** Throws InviteError and RecoveryPhraseError. */
function startOf({
  handle,
  server,
  phrase,
}: Pick<ParleyOptions, 'handle' | 'server' | 'phrase'>): StartOptions {
  return {
    ...(handle === undefined ? {} : { handle }),
    ...(phrase === undefined ? {} : { seed: seedOf(phrase) }),
    keepsWords: true,
    ...(server === undefined ? {} : serverIn(server)),
  }
}

function serverIn(text: string): StartOptions {
  if (!isInvite(text)) return { address: parseAddress(text) }
  const { host, port, server, serverId, directoryKey, inviter, token } = parseInvite(text)
  return {
    address: { host, port },
    server: { fingerprint: server, replacesPin: false },
    ...(serverId ? { serverId } : {}),
    ...(directoryKey ? { directoryKey } : {}),
    ...(inviter ? { inviter } : {}),
    ...(token ? { inviteToken: token } : {}),
  }
}
