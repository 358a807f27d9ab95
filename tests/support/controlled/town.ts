// A town whose people are real processes of the client, with their vaults in folders, on a relay that listens with TLS.
// Only those whose program a test modifies are in this process.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { type Endpoint, type EndpointOptions, openEndpoint } from '../../../services/endpoint/endpoint.js'
import { systemRandom } from '../../../services/endpoint/local.js'
import { createEngine, type Engine } from '../../../services/endpoint/mls/engine.js'
import { validateCredential } from '../../../services/endpoint/mls/validate-credential.js'
import { dialer } from '../../../services/rpc/node/dialer.js'
import { WITHOUT_ADDRESSES } from '../../../services/server/guard/guard-limits.js'
import { startRelay } from '../../../services/server/relay.js'
import { Way } from '../memory/network.js'
import type { MemoryRelay } from '../memory/relay.js'
import { MemoryDisk } from '../memory/vault.js'
import { localOpener } from '../memory/welcome-opener.js'
import { Person, Told } from '../person.js'
import { type TcpProxy, tcpProxy } from '../tcp-proxy.js'
import { type JoinOptions, type Server, type ServerOptions, Town } from '../town.js'
import { steadyPort } from '../world.js'
import { ControlledClient } from './client.js'
import { RealClock } from './clock.js'

const HOST = '127.0.0.1'
/** Vaults of people whose programs a test modifies, or who have a copy of another one's. Their endpoints are here. */
const MODIFIED: readonly string[] = ['mallory', 'thief']

/** The disk of a process: it can be read. */
class ClientDisk extends MemoryDisk {
  client: ControlledClient | undefined

  protected override saved() {
    if (this.client) this.fill(this.client.rows())
    return super.saved()
  }
}

/** How a process reaches the server. */
class ProxyWay extends Way {
  constructor(
    town: ProcessTown,
    private readonly proxy: TcpProxy,
  ) {
    super(town.network)
  }

  override cut(): void {
    this.proxy.goDown()
    this.proxy.comeUp()
  }

  override goDown(): void {
    this.proxy.goDown()
  }

  override comeUp(): void {
    this.proxy.comeUp()
  }
}

export class ProcessTown extends Town {
  protected override readonly host = HOST
  readonly #clientDisks = new Map<string, ClientDisk>()
  readonly #proxies = new Map<string, TcpProxy>()

  private constructor(
    clock: RealClock,
    private readonly own: Engine,
    private readonly home: string,
  ) {
    super(clock, own)
  }

  static override async build(): Promise<ProcessTown> {
    const home = await mkdtemp(join(tmpdir(), 'parley-town-'))
    return new ProcessTown(new RealClock(), await createEngine({ validate: validateCredential }), home)
  }

  override disk(name: string): MemoryDisk {
    return MODIFIED.includes(name) ? super.disk(name) : this.#diskOf(name)
  }

  override async endpoint(
    disk: MemoryDisk,
    options: EndpointOptions & { maxBytes?: number },
  ): Promise<Endpoint> {
    const { maxBytes, ...rest } = options
    return await openEndpoint(
      {
        ...{ vault: disk.open(maxBytes), dialer, clock: this.clock, random: systemRandom },
        resolve: async host => [host],
        welcomes: localOpener(this.own),
      },
      { requests: 'accept', ...rest },
    )
  }

  override async join(
    handle: string,
    server: Pick<Server, 'port'>,
    options: JoinOptions = {},
  ): Promise<Person> {
    const { vault: name = handle, maxBytes: _, keyChange, keyStock, requests, ...start } = options
    if (MODIFIED.includes(name)) return await super.join(handle, server, options)
    const proxy = this.#proxies.get(name) ?? (await tcpProxy(server.port))
    this.#proxies.set(name, proxy)
    const disk = this.#diskOf(name)
    const told = new Told(handle, this.clock)
    const open = {
      ...(keyChange && { keyChange }),
      ...(keyStock && { keyStock }),
      ...(requests && { requests }),
    }
    disk.client = await ControlledClient.start({
      ...{ handle, data: join(this.home, name), address: proxy.address },
      given: { open, start: { keepsWords: true, ...start } },
      onEvent: event => told.add(event),
    })
    const way = new ProxyWay(this, proxy)
    const person = new Person({ handle, endpoint: disk.client.endpoint, disk, way, told })
    this.opened.add(person)
    return person
  }

  override async leave(): Promise<void> {
    await super.leave()
    for (const proxy of this.#proxies.values()) await proxy.close()
    await rm(this.home, { recursive: true, force: true })
  }

  #diskOf(name: string): ClientDisk {
    const disk = this.#clientDisks.get(name) ?? new ClientDisk()
    this.#clientDisks.set(name, disk)
    return disk
  }

  protected override freePort(): Promise<number> {
    return steadyPort()
  }

  protected override async start(port: number, options: ServerOptions): Promise<MemoryRelay> {
    const { name = 'server', operatorHandle = '', registration, limits } = options
    const store = this.store(options)
    const log = pino({ level: 'error' }, { write: line => this.onDefect(new Error(line)) })
    const relay = await startRelay({
      ...{ host: HOST, port, folder: join(this.home, name), operatorHandle, log, store },
      guard: WITHOUT_ADDRESSES,
      ...(registration && { registration }),
      ...(limits && { limits }),
    })
    return { ...relay, expire: async () => void (await store.log.expire(Date.now())) }
  }
}
