// One person of a town: their endpoint, and how a test waits for what it tells.

import type { Endpoint } from '../../services/endpoint/endpoint.js'
import type { EndpointEvent, HistoryEntry, LineState } from '../../services/endpoint/events.js'
import type { FakeClock } from './memory/clock.js'
import type { Way } from './memory/network.js'
import type { MemoryDisk } from './memory/vault.js'

type EventOf<T extends EndpointEvent['type']> = Extract<EndpointEvent, { type: T }>

/** The events that one endpoint has told so far. */
export class Told {
  readonly events: EndpointEvent[] = []

  constructor(
    private readonly handle: string,
    readonly clock: FakeClock,
  ) {}

  add(event: EndpointEvent): void {
    this.events.push(event)
    this.clock.touch()
  }

  /** Waits until there is what is looked for. */
  until<T>(what: string, look: () => T | undefined): Promise<T> {
    return this.clock.until(look, () => {
      const shown = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)
      const told = this.events.map(event => JSON.stringify(event, shown)).join('\n')
      return new Error(`${this.handle} waited in vain for ${what}; what happened:\n${told}`)
    })
  }
}

interface PersonParts {
  handle: string
  endpoint: Endpoint
  disk: MemoryDisk
  way: Way
  told: Told
}

export class Person {
  readonly handle: string
  readonly endpoint: Endpoint
  /** The disk that the vault is kept on. */
  readonly disk: MemoryDisk
  /** How this endpoint reaches servers. */
  readonly way: Way
  readonly #told: Told
  #closed: Promise<void> | undefined

  constructor({ handle, endpoint, disk, way, told }: PersonParts) {
    this.handle = handle
    this.endpoint = endpoint
    this.disk = disk
    this.way = way
    this.#told = told
  }

  get events(): readonly EndpointEvent[] {
    return this.#told.events
  }

  /** The first event of the type that is wanted, of those that came and will come. */
  event<T extends EndpointEvent['type']>(
    type: T,
    wanted: (event: EventOf<T>) => boolean = () => true,
  ): Promise<EventOf<T>> {
    const isWanted = (event: EndpointEvent): event is EventOf<T> =>
      event.type === type && wanted(event as EventOf<T>)
    return this.#told.until(`${type} ${wanted}`, () => this.events.find(isWanted))
  }

  /** Resolves when something holds. */
  async holds(what: () => boolean): Promise<void> {
    await this.#told.until(what.toString(), () => what() || undefined)
  }

  async line(state: LineState['state']): Promise<void> {
    const last = () => this.events.findLast(event => event.type === 'line')
    await this.#told.until(`line ${state}`, () => last()?.line.state === state || undefined)
  }

  async write(to: string, ...texts: string[]): Promise<void> {
    const conversation = await this.endpoint.open(to)
    for (const text of texts) await this.endpoint.send(conversation, text)
  }

  /** Waits until so many texts of others are here; all of them, in the order of arrival. */
  async received(count: number): Promise<string[]> {
    await this.holds(() => this.#texts(false).length >= count)
    return this.#texts(false).map(({ text }) => text)
  }

  /** Waits until every own text is at least in this state. */
  allAre(wanted: 'stored' | 'delivered'): Promise<void> {
    return this.holds(() => this.#texts(true).every(({ state }) => state === wanted || state === 'delivered'))
  }

  /** Of all conversations with one other person; the last lines of each where a limit is given. */
  history(limit?: number): HistoryEntry[] {
    const { endpoint } = this
    return endpoint.people().flatMap(({ conversation }) => endpoint.history(conversation, limit))
  }

  close(): Promise<void> {
    this.#closed ??= this.#told.clock.run(this.endpoint.close())
    return this.#closed
  }

  #texts(own: boolean): HistoryEntry[] {
    return this.history().filter(entry => entry.kind === 'text' && entry.own === own)
  }
}
