// A server, clients and their folders, for one test.

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Ending, killAll, type Running, type StartOptions, startProgram } from './processes.js'

/** One object of the client's --json output: README, "Scripting". */
export interface ClientEvent {
  type: string
  id?: string
  peer?: string
  from?: string
  own?: boolean
  text?: string
  state?: string
  sequence?: number
  cause?: string
  reason?: string
  handle?: string
  level?: string
  code?: string
  data?: unknown
}

/** One line of what `transcript --json` prints. */
export interface TranscriptEntry {
  type: string
  peer: string
  from: string
  own: boolean
  text: string
  state: string
  sequence: number
}

export interface Server extends Running {
  port: number
  fingerprint: string
  invite: string
  address: string
}

export interface Client extends Running {
  /** The first event, of those from the output's line `from` on, that is wanted. */
  event(wanted: (event: ClientEvent) => boolean, from?: number): Promise<ClientEvent>
  onEvent(listener: (event: ClientEvent) => void): void
}

interface ServerOptions extends StartOptions {
  /** A free one unless given. */
  port?: number
  console?: 'on' | 'off'
  /** A folder of the world. */
  data?: string
  args?: readonly string[]
}

interface ClientOptions extends StartOptions {
  /** A folder of the world; the handle's name unless given. */
  data?: string
  args?: readonly string[]
}

export interface World {
  folder(name: string): string
  server(options?: ServerOptions): Promise<Server>
  /** A client in a pipe that prints JSON. */
  client(handle: string, address: string | undefined, options?: ClientOptions): Client
  /** Runs a program to its end. */
  run(
    program: string,
    args: readonly string[],
    options?: StartOptions & { input?: string },
  ): Promise<Finished>
  /** The records of a vault that nobody uses. */
  transcript(data: string): Promise<TranscriptEntry[]>
}

export interface Finished extends Ending {
  stdout: string
  stderr: string
}

/** Runs `use`, and afterwards ends every process and removes the folders. */
export async function withWorld<T>(use: (world: World) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'parley-'))
  try {
    return await use(makeWorld(root))
  } finally {
    await killAll()
    rmSync(root, { recursive: true, force: true })
  }
}

function makeWorld(root: string): World {
  const folder = (name: string) => join(root, name)
  return {
    folder,
    server: options => startServer(folder, options),
    client(handle, address, { data = handle, args = [], ...start } = {}) {
      const all = [
        ...(address ? [address] : []),
        '--data',
        folder(data),
        '--handle',
        handle,
        '--json',
        ...args,
      ]
      return withEvents(startProgram('client/main.js', all, start))
    },
    run,
    async transcript(data) {
      const { code, stdout, stderr } = await run('client/main.js', [
        'transcript',
        '--json',
        '--data',
        folder(data),
      ])
      if (code !== 0) throw new Error(`transcript ended with ${code}: ${stderr}`)
      return stdout.split('\n').slice(0, -1).map(readEntry)
    },
  }
}

async function startServer(
  folder: World['folder'],
  { port = 0, console = 'off', data = 'server', args = [], ...start }: ServerOptions = {},
): Promise<Server> {
  const given = ['--host', '127.0.0.1', '--port', String(port), '--console', console]
  const process = startProgram('server/main.js', [...given, '--data', folder(data), ...args], start)
  const listening = /Listening on 127\.0\.0\.1:(\d+)/
  const bound = Number(listening.exec(await process.stdout.find(listening))?.[1])
  const fingerprint = /SHA256:\S+/.exec(await process.stdout.find(/Fingerprint/))?.[0] ?? ''
  const invite = /parley:\S+/.exec(await process.stdout.find(/Invite link/))?.[0] ?? ''
  return { ...process, port: bound, fingerprint, invite, address: `127.0.0.1:${bound}` }
}

function withEvents(process: Running): Client {
  const { stdout } = process
  return {
    ...process,
    event: async (wanted, from) => readEvent(await stdout.find(line => wanted(readEvent(line)), from)),
    onEvent: listener => stdout.onLine(line => listener(readEvent(line))),
  }
}

async function run(
  program: string,
  args: readonly string[],
  { input = '', ...start }: StartOptions & { input?: string } = {},
): Promise<Finished> {
  const process = startProgram(program, args, start)
  process.write(input)
  process.endInput()
  const ending = await process.ended
  const joined = (lines: readonly string[]) => lines.map(line => `${line}\n`).join('')
  return { ...ending, stdout: joined(process.stdout.all), stderr: joined(process.stderr.all) }
}

// The client's own output: a line that is no JSON fails the test that reads it.
const readEvent = (line: string): ClientEvent => JSON.parse(line)
const readEntry = (line: string): TranscriptEntry => JSON.parse(line)

/** Below those that the system hands out by itself, so that nobody gets it while a server is being restarted. */
const PORTS = { first: 10_000, count: 20_000 }

/** A port that is free and stays so, for a server that is started on it again and again. */
export async function steadyPort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count)
    const server = createServer()
    const free = await new Promise<boolean>(resolve => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!free) continue
    await new Promise(resolve => server.close(resolve))
    return port
  }
}
