// People who write to each other, on endpoints and a relay that are real but for what is outside of them: their vaults,
// the ways between them and the time are the test's own. A conversation takes no disk, no TLS, no thread, and no longer
// than its work; a test hears of everything by events that it can wait for.

import {
  type Endpoint,
  type EndpointOptions,
  openEndpoint,
  type StartOptions,
} from '../../services/endpoint/endpoint.js'
import { systemRandom } from '../../services/endpoint/local.js'
import { createEngine, type Engine } from '../../services/endpoint/mls/engine.js'
import { validateCredential } from '../../services/endpoint/mls/validate-credential.js'
import { nodeCrypto } from '../../services/protocol/node/crypto.js'
import { keyPairOf } from '../../services/protocol/signature.js'
import { openMemoryStore } from '../../services/server/store/memory/store.js'
import { Tables } from '../../services/server/store/memory/tables.js'
import type { Log, ReadResult, Store } from '../../services/server/store/store.js'
import { FakeClock } from './memory/clock.js'
import { certificateOf, MemoryNetwork, type Way } from './memory/network.js'
import { type MemoryRelay, type MemoryRelayOptions, startMemoryRelay } from './memory/relay.js'
import { MemoryDisk } from './memory/vault.js'
import { localOpener } from './memory/welcome-opener.js'
import { Person, Told } from './person.js'
import { withLog } from './store-wrapper.js'

export type { Person } from './person.js'

export const HOST = 'memory'
/** Each takes about a millisecond to make, and a test needs a few. */
const FEW_KEY_PACKAGES = 8

export interface ServerOptions
  extends Partial<Pick<MemoryRelayOptions, 'operatorHandle' | 'registration' | 'limits'>> {
  /** The name of its key and data; 'server' unless given. */
  name?: string
  /** The name of its data, where that is not its key's. */
  data?: string
  port?: number
  /** The fate of what a device reads: a server that lies. */
  meddle?(read: ReadResult, device: Uint8Array): ReadResult
  /** Over before the server stores what a device sends: a slow one. */
  stores?(sends: Parameters<Log['append']>[1], device: Uint8Array): Promise<void>
}

export interface Server {
  readonly relay: MemoryRelay
  readonly port: number
  /** The options of the first start again, on the same port and with the same data. */
  restart(change?: ServerOptions): Promise<void>
  stop(): Promise<void>
}

/** The options that an endpoint is opened with. `vault`: the name of its disk; the handle unless given. */
interface OpenOptions extends Pick<EndpointOptions, 'keyChange' | 'keyStock' | 'requests'> {
  vault?: string
  /** The size at which the vault counts as full. */
  maxBytes?: number
}
export type JoinOptions = Omit<StartOptions, 'handle' | 'address'> & OpenOptions

/** A place for servers and people, with a time of its own. */
export class Town {
  readonly network: MemoryNetwork
  /** Where its servers are. */
  protected readonly host: string = HOST
  readonly #disks = new Map<string, MemoryDisk>()
  /** The data of servers. */
  readonly #tables = new Map<string, Tables>()
  protected readonly opened = new Set<{ close(): Promise<unknown> }>()
  readonly #defects: unknown[] = []
  #nextPort = 1

  protected constructor(
    readonly clock: FakeClock,
    private readonly engine: Engine,
  ) {
    this.network = new MemoryNetwork(clock)
  }

  static async build(): Promise<Town> {
    const clock = new FakeClock()
    return new Town(clock, await createEngine({ validate: validateCredential, now: clock.now }))
  }

  /** A disk of this name, empty at first. */
  disk(name: string): MemoryDisk {
    const disk = this.#disks.get(name) ?? new MemoryDisk(() => this.clock.touch())
    this.#disks.set(name, disk)
    return disk
  }

  /** A server's data is gone; its key stays. To be called while it is stopped. */
  loseData(name = 'server'): void {
    const { serverId, directoryKey } = this.#tables.get(name) ?? new Tables()
    this.#tables.set(name, new Tables({ serverId, directoryKey }))
  }

  /** The server says that it has so many more sends of this device than it sent, and goes on from there. */
  overstate(deviceKey: Uint8Array, sends: number, name = 'server'): void {
    this.#tables.get(name)!.device(deviceKey)!.clientSequence += sends
  }

  /** The server shows this list under the handle, and no other one; returns the one that it showed before. */
  showList(handle: string, deviceList: Uint8Array, name = 'server'): Uint8Array {
    const tables = this.#tables.get(name)!
    const { accountKey, deviceList: before } = tables.accounts.get(handle)!
    tables.putAccount({ handle, accountKey, deviceList, removals: [] })
    return before
  }

  /** Data of somebody else, empty at first, under the id of this server: they have not the key of its directory. */
  forgeData(data: string, name = 'server'): void {
    const { serverId } = this.#tables.get(name) ?? new Tables()
    this.#tables.set(data, new Tables({ serverId }))
  }

  /** An invite link names a server so, besides its key of TLS. */
  named(name = 'server'): { serverId: Uint8Array; directoryKey: Uint8Array } {
    const { serverId, directoryKey } = this.#tables.get(name) ?? new Tables()
    return { serverId, directoryKey: keyPairOf(nodeCrypto, directoryKey).publicKey }
  }

  /** A server is set up anew: it has another id, and nothing else but its key. To be called while it is stopped. */
  setUpAnew(name = 'server'): void {
    this.#tables.delete(name)
  }

  async server(options: ServerOptions = {}): Promise<Server> {
    const port = options.port ?? (await this.freePort())
    const start = (change: ServerOptions) => this.start(port, { ...options, ...change })
    let relay = await start({})
    const made: Server = {
      get relay() {
        return relay
      },
      port,
      async restart(change = {}) {
        await relay.stop()
        relay = await start(change)
      },
      stop: () => relay.stop(),
    }
    this.opened.add({ close: () => made.stop() })
    return made
  }

  /** Opens the endpoint without connecting it. */
  async open(handle: string, options: OpenOptions = {}): Promise<Person> {
    const { vault: name = handle, ...rest } = options
    const disk = this.disk(name)
    const way = this.network.way()
    const told = new Told(handle, this.clock)
    const endpoint = await this.endpoint(disk, { ...rest, way, onEvent: event => told.add(event) })
    const person = new Person({ handle, endpoint, disk, way, told })
    this.opened.add(person)
    return person
  }

  /** An endpoint alone, whose events are its opener's. */
  async endpoint(
    disk: MemoryDisk,
    { way = this.network.way(), maxBytes, ...options }: EndpointOptions & { way?: Way; maxBytes?: number },
  ): Promise<Endpoint> {
    // No two devices are made at the same moment.
    this.clock.pass(1)
    return await openEndpoint(
      {
        vault: disk.open(maxBytes),
        dialer: way,
        resolve: async host => [host],
        welcomes: localOpener(this.engine),
        clock: this.clock,
        random: systemRandom,
      },
      { keyStock: FEW_KEY_PACKAGES, requests: 'accept', ...options },
    )
  }

  /** Opens it, and connects it to the server. */
  async join(handle: string, server: Pick<Server, 'port'>, options: JoinOptions = {}): Promise<Person> {
    const { vault, maxBytes, keyChange, keyStock, requests, ...start } = options
    const person = await this.open(handle, {
      ...(vault && { vault }),
      ...(maxBytes && { maxBytes }),
      ...(keyChange && { keyChange }),
      ...(keyStock && { keyStock }),
      ...(requests && { requests }),
    })
    const address = { host: this.host, port: server.port }
    await person.endpoint.prepare({ handle, address, keepsWords: true, ...start })
    person.endpoint.connect()
    return person
  }

  /** Closes all. Throws what went wrong in a relay by a defect. */
  async leave(): Promise<void> {
    for (const one of [...this.opened].reverse()) await one.close()
    if (this.#defects.length > 0) throw new AggregateError(this.#defects, 'a relay has a defect')
  }

  protected async freePort(): Promise<number> {
    return this.#nextPort++
  }

  /** The store of a server of these options, whose data stays when it is closed. */
  protected store({ name = 'server', data = name, meddle, stores, limits }: ServerOptions): Store {
    const tables = this.#tables.get(data) ?? new Tables()
    this.#tables.set(data, tables)
    const store = openMemoryStore({ tables, now: this.clock.now, ...(limits && { limits }) })
    return withLog(store, { ...(meddle && meddled(store, meddle)), ...(stores && slowed(store, stores)) })
  }

  /** A relay has a defect: the test fails for it at its end. */
  protected readonly onDefect = (error: unknown): void => void this.#defects.push(error)

  protected async start(port: number, options: ServerOptions): Promise<MemoryRelay> {
    const {
      name = 'server',
      data: _,
      operatorHandle = '',
      meddle: __,
      stores: ___,
      limits,
      ...rest
    } = options
    return startMemoryRelay({
      network: this.network,
      port,
      certificate: certificateOf(name, this.clock),
      store: this.store(options),
      onDefect: this.onDefect,
      operatorHandle,
      ...(limits && { limits }),
      ...rest,
    })
  }
}

/** The fate of what a device reads. */
const meddled = ({ log }: Store, meddle: NonNullable<ServerOptions['meddle']>): Pick<Log, 'read'> => ({
  read: async request => meddle(await log.read(request), request.device),
})

const slowed = ({ log }: Store, stores: NonNullable<ServerOptions['stores']>): Pick<Log, 'append'> => ({
  append: async (device, sends) => {
    await stores(sends, device)
    return await log.append(device, sends)
  },
})

export const numbered = (count: number, prefix = 'text'): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix} ${index}`)

/** In memory in any case: for a test that changes messages on their way, or moves the time. */
export const newMemoryTown = (): Promise<Town> => Town.build()

/** With PARLEY_ATTACK=processes one of real processes and a real network: for the attacks, which pass in it, too. */
export async function newTown(): Promise<Town> {
  if (process.env.PARLEY_ATTACK !== 'processes') return await newMemoryTown()
  return await (await import('./controlled/town.js')).ProcessTown.build()
}
