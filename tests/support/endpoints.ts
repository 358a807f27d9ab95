// Real endpoints on a real relay in one process: people who write to each other, and hear of everything by events
// that a test can wait for.

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Endpoint, StartOptions } from '../../services/endpoint/endpoint.js'
import type { EndpointEvent, HistoryEntry, LineState } from '../../services/endpoint/events.js'
import { type LocalEndpointOptions, openLocalEndpoint } from '../../services/endpoint/local.js'
import { LIMITS } from '../../services/server/limits.js'
import { type Relay, type RelayOptions, startRelay } from '../../services/server/relay.js'
import { openSqliteStore } from '../../services/server/store/sqlite/store.js'
import type { ReadRequest, ReadResult, Store } from '../../services/server/store/store.js'
import { withLog } from './store-wrapper.js'

/** How long something may take to happen on a busy machine, in ms. */
const PATIENCE_MS = 40_000
export const HOST = '127.0.0.1'

type EventOf<T extends EndpointEvent['type']> = Extract<EndpointEvent, { type: T }>

export interface Person {
  readonly handle: string
  readonly folder: string
  readonly endpoint: Endpoint
  readonly events: readonly EndpointEvent[]
  /** The first event of the type that is wanted, of those that came and will come. */
  event<T extends EndpointEvent['type']>(
    type: T,
    wanted?: (event: EventOf<T>) => boolean,
  ): Promise<EventOf<T>>
  /** Resolves when something holds, which is looked for after every event. */
  holds(what: () => boolean): Promise<void>
  line(state: LineState['state']): Promise<void>
  write(to: string, ...texts: string[]): Promise<void>
  /** Waits until so many texts of others are here; all of them, in the order of arrival. */
  received(count: number): Promise<string[]>
  /** Waits until every own text is at least in this state. */
  allAre(state: 'stored' | 'delivered'): Promise<void>
  history(): HistoryEntry[]
  close(): Promise<void>
}

export interface Server {
  readonly relay: Relay
  readonly port: number
  /** The options of the first start again, on the same port and folder. */
  restart(change?: Partial<RelayOptions>): Promise<void>
  stop(): Promise<void>
}

export interface Town {
  folder(name: string): string
  server(options?: Partial<RelayOptions> & { name?: string }): Promise<Server>
  /** Opens the endpoint without connecting it. */
  open(handle: string, options?: OpenOptions): Promise<Person>
  /** Opens it, and connects it to the server. */
  join(handle: string, server: Server, options?: JoinOptions): Promise<Person>
  leave(): Promise<void>
}

/** What an endpoint is opened with; the folder is named after the handle unless given. */
type OpenOptions = Partial<Pick<LocalEndpointOptions, 'folder' | 'maxBytes' | 'keyChange'>>
export type JoinOptions = Omit<StartOptions, 'handle' | 'address'> & OpenOptions

/** A place for servers and people; `leave` closes all and removes what they kept. */
export async function newTown(): Promise<Town> {
  const home = await mkdtemp(join(tmpdir(), 'parley-town-'))
  const open = new Set<{ close(): Promise<unknown> }>()
  const folder = (name: string) => join(home, name)
  const person = async (handle: string, options: OpenOptions = {}) => {
    const made = await openPerson(handle, { folder: folder(handle), ...options })
    open.add(made)
    return made
  }
  return {
    folder,
    async server({ name = 'server', ...options } = {}) {
      const made = await startServer({ folder: folder(name), ...options })
      open.add({ close: made.stop })
      return made
    },
    open: person,
    async join(handle, server, { folder: own, maxBytes, keyChange, ...start } = {}) {
      const made = await person(handle, {
        ...(own && { folder: own }),
        ...(maxBytes && { maxBytes }),
        ...(keyChange && { keyChange }),
      })
      await made.endpoint.prepare({ handle, address: { host: HOST, port: server.port }, ...start })
      made.endpoint.connect()
      return made
    },
    async leave() {
      for (const one of [...open].reverse()) await one.close()
      await rm(home, { recursive: true, force: true })
    },
  }
}

async function startServer(options: Partial<RelayOptions> & { folder: string }): Promise<Server> {
  const log = pino({ level: 'silent' })
  const start = async (change: Partial<RelayOptions>) => {
    const all = { ...options, ...change }
    const limits = { ...all.limits }
    const store = all.store ?? (await openSqliteStore({ folder: all.folder, limits }))
    return startRelay({ host: HOST, port: 0, operatorHandle: '', log, ...all, store })
  }
  let relay = await start({})
  const { port } = relay
  return {
    get relay() {
      return relay
    },
    port,
    async restart(change = {}) {
      await relay.stop()
      relay = await start({ port, ...change })
    },
    stop: () => relay.stop(),
  }
}

async function openPerson(
  handle: string,
  options: OpenOptions & Pick<LocalEndpointOptions, 'folder'>,
): Promise<Person> {
  const events: EndpointEvent[] = []
  const listeners = new Set<() => void>()
  let isDue = false
  // Once for all that come together: what is looked for may be a whole history.
  const look = () => {
    isDue = false
    for (const listener of listeners) listener()
  }
  const onEvent = (event: EndpointEvent) => {
    events.push(event)
    if (!isDue) setImmediate(look)
    isDue = true
  }
  const endpoint = await openLocalEndpoint({ ...options, onEvent })
  const waitFor = <T>(what: string, look: () => T | undefined) =>
    watch({ what, look, listeners, events, handle })
  const history = () => endpoint.people().flatMap(({ conversation }) => endpoint.history(conversation))
  const texts = (own: boolean) => history().filter(entry => entry.kind === 'text' && entry.own === own)
  const holds = async (what: () => boolean) => {
    await waitFor(what.toString(), () => what() || undefined)
  }
  let closed: Promise<void> | undefined
  return {
    handle,
    folder: options.folder,
    endpoint,
    events,
    event: (type, wanted = () => true) =>
      waitFor(`${type} ${wanted}`, () =>
        events.filter(event => event.type === type).find(event => wanted(event as EventOf<typeof type>)),
      ) as Promise<EventOf<typeof type>>,
    holds,
    line: state =>
      waitFor(`line ${state}`, () => {
        const last = events.findLast(event => event.type === 'line')
        return last?.line.state === state ? last : undefined
      }).then(() => undefined),
    async write(to, ...lines) {
      const conversation = await endpoint.open(to)
      for (const text of lines) await endpoint.send(conversation, text)
    },
    async received(count) {
      await holds(() => texts(false).length >= count)
      return texts(false).map(({ text }) => text)
    },
    allAre: state =>
      holds(() => texts(true).every(entry => entry.state === state || entry.state === 'delivered')),
    history,
    close: () => {
      closed ??= endpoint.close()
      return closed
    },
  }
}

interface Watched<T> {
  what: string
  look(): T | undefined
  listeners: Set<() => void>
  events: readonly EndpointEvent[]
  handle: string
}

function watch<T>({ what, look, listeners, events, handle }: Watched<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = () => {
      listeners.delete(check)
      clearTimeout(timer)
    }
    const check = () => {
      try {
        const found = look()
        if (found === undefined) return
        end()
        resolve(found)
      } catch (error) {
        end()
        reject(error)
      }
    }
    const shown = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)
    const timer = setTimeout(() => {
      end()
      const said = events.map(event => JSON.stringify(event, shown)).join('\n')
      reject(new Error(`${handle} waited in vain for ${what}; what happened:\n${said}`))
    }, PATIENCE_MS)
    listeners.add(check)
    check()
  })
}

/** A store in which what a device reads can be changed on its way: a hostile server. */
export async function meddledStore(
  folder: string,
  meddle: (read: ReadResult, device: Uint8Array) => ReadResult,
): Promise<Store> {
  const store = await openSqliteStore({ folder, limits: LIMITS })
  const read = async (request: ReadRequest) => meddle(await store.log.read(request), request.device)
  return withLog(store, { read })
}

export const numbered = (count: number, prefix = 'text'): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix} ${index}`)

/** A server's data is gone; its key stays. */
export async function removeDatabase(folder: string): Promise<void> {
  for (const name of await readdir(folder)) if (name.includes('.db')) await rm(join(folder, name))
}
