// Endpoints with their vaults in folders, on a relay that listens, in one process: for what needs the real outside.
// Others have a town in memory (town.ts).

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Endpoint, StartOptions } from '../../services/endpoint/endpoint.js'
import type { EndpointEvent, LineState } from '../../services/endpoint/events.js'
import { openLocalEndpoint } from '../../services/endpoint/local.js'
import { type Relay, type RelayOptions, startRelay } from '../../services/server/relay.js'
import { openSqliteStore } from '../../services/server/store/sqlite/store.js'
import { ControlledClient } from './controlled/client.js'

/** How long something may take to happen on a busy machine, in ms. */
const PATIENCE_MS = 40_000
const HOST = '127.0.0.1'

export interface Person {
  readonly handle: string
  readonly endpoint: Endpoint
  readonly events: readonly EndpointEvent[]
  /** Resolves when something holds, which is looked for after every event. */
  holds(what: () => boolean): Promise<void>
  line(state: LineState['state']): Promise<void>
  close(): Promise<void>
}

/** The folder is named after the handle unless given. */
type JoinOptions = Omit<StartOptions, 'handle' | 'address'> & { folder?: string }

/** A place for a server and people. */
export class RealTown {
  readonly #open = new Set<{ close(): Promise<unknown> }>()

  private constructor(private readonly home: string) {}

  static async build(): Promise<RealTown> {
    return new RealTown(await mkdtemp(join(tmpdir(), 'parley-town-')))
  }

  folder(name: string): string {
    return join(this.home, name)
  }

  async server(options: Partial<RelayOptions> = {}): Promise<Relay> {
    const folder = this.folder('server')
    const store = options.store ?? (await openSqliteStore({ folder, limits: { ...options.limits } }))
    const log = pino({ level: 'silent' })
    const relay = await startRelay({
      host: HOST,
      port: 0,
      operatorHandle: '',
      log,
      folder,
      ...options,
      store,
    })
    this.#open.add({ close: () => relay.stop() })
    return relay
  }

  /** Opens the endpoint without connecting it. */
  async open(handle: string, folder = this.folder(handle)): Promise<Person> {
    const hearing = new Hearing(handle)
    const endpoint = await openLocalEndpoint({
      ...{ folder, requests: 'accept' },
      onEvent: event => hearing.hear(event),
    })
    return this.#person({ handle, endpoint, hearing })
  }

  #person({ handle, endpoint, hearing }: { handle: string; endpoint: Endpoint; hearing: Hearing }): Person {
    let closed: Promise<void> | undefined
    const person: Person = {
      handle,
      endpoint,
      events: hearing.events,
      holds: what => hearing.until(what),
      line: state =>
        hearing.until(() => hearing.events.findLast(event => event.type === 'line')?.line.state === state),
      close: () => {
        closed ??= endpoint.close()
        return closed
      },
    }
    this.#open.add(person)
    return person
  }

  /** Opens it, and connects it to the server. */
  async join(
    handle: string,
    { port }: Pick<Relay, 'port'>,
    { folder, ...start }: JoinOptions = {},
  ): Promise<Person> {
    if (process.env.PARLEY_ATTACK === 'processes')
      return await this.#joinProcess(handle, port, { data: this.folder(folder ?? handle), start })
    const person = await this.open(handle, folder)
    await person.endpoint.prepare({ handle, address: { host: HOST, port }, keepsWords: true, ...start })
    person.endpoint.connect()
    return person
  }

  /** The same in a process of its own. */
  async #joinProcess(
    handle: string,
    port: number,
    { data, start }: { data: string; start: Partial<StartOptions> },
  ): Promise<Person> {
    const hearing = new Hearing(handle)
    const client = await ControlledClient.start({
      ...{ handle, data, address: `${HOST}:${port}` },
      given: { open: {}, start: { keepsWords: true, ...start } },
      onEvent: event => hearing.hear(event),
    })
    return this.#person({ handle, endpoint: client.endpoint, hearing })
  }

  /** Closes all, and removes what they kept. */
  async leave(): Promise<void> {
    for (const one of [...this.#open].reverse()) await one.close()
    await rm(this.home, { recursive: true, force: true })
  }
}

/** The events of one endpoint, and how a test waits for them. */
class Hearing {
  readonly events: EndpointEvent[] = []
  readonly #looks = new Set<() => void>()
  #isDue = false

  constructor(private readonly handle: string) {}

  hear(event: EndpointEvent): void {
    this.events.push(event)
    // Once for all that come together: what is looked for may be a whole history.
    if (!this.#isDue) setImmediate(() => this.#look())
    this.#isDue = true
  }

  until(what: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#looks.delete(look)
        clearTimeout(timer)
      }
      const look = () => {
        try {
          if (!what()) return
          resolve()
        } catch (error) {
          reject(error)
        }
        end()
      }
      const timer = setTimeout(() => {
        end()
        const told = this.events.map(event =>
          event.type === 'line' ? `line ${event.line.state}` : event.type,
        )
        reject(new Error(`${this.handle} waited in vain for ${what}; what happened: ${told.join(', ')}`))
      }, PATIENCE_MS)
      this.#looks.add(look)
      look()
    })
  }

  #look(): void {
    this.#isDue = false
    for (const look of this.#looks) look()
  }
}
