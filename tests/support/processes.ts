// Real processes for tests: what they print is kept and can be waited for, and none outlives its test.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { readLines } from '../../services/client/script/lines.js'

/** How long something may take to appear on a busy machine, in ms. */
export const PATIENCE_MS = 60_000
/** After this a wait gives up, in ms: before its test does, so that it can say what it waited for. */
export const WAIT_MS = 45_000

export interface Ending {
  /** null: ended by a signal. */
  code: number | null
  signal: NodeJS.Signals | null
}

/** The lines of an output, as they come. */
interface Lines {
  readonly all: readonly string[]
  /** The first line, of those from index `from` on, that is wanted. Rejects when the output ends or time is up. */
  find(wanted: RegExp | ((line: string) => boolean), from?: number): Promise<string>
  onLine(listener: (line: string) => void): void
}

export interface Running {
  readonly pid: number
  readonly stdout: Lines
  readonly stderr: Lines
  write(input: string | Uint8Array): void
  endInput(): void
  /** Resolves when the process has ended and all that it printed is read. */
  readonly ended: Promise<Ending>
  stop(signal?: NodeJS.Signals): Promise<Ending>
}

export interface StartOptions {
  env?: Record<string, string>
  /** Modules of tests/support that are loaded before the program. */
  imports?: readonly string[]
}

const running = new Set<ChildProcessWithoutNullStreams>()

// A test that runs out of time has no other chance to clean up.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Ends everything that was started and is still there. */
export async function killAll(): Promise<void> {
  await Promise.all(
    [...running].map(async child => {
      const ended = once(child, 'close')
      child.kill('SIGKILL')
      await ended
    }),
  )
}

/** Starts a program of dist/services, for example "client/main.js". */
export function startProgram(
  program: string,
  args: readonly string[],
  { env = {}, imports = [] }: StartOptions = {},
): Running {
  const before = imports.flatMap(name => ['--import', new URL(name, import.meta.url).href])
  return startProcess(process.execPath, [...nodeArguments(program, before), ...args], env)
}

/** The arguments that node needs to run a program of dist/services. */
export function nodeArguments(program: string, before: readonly string[] = []): string[] {
  const path = fileURLToPath(new URL(`../../services/${program}`, import.meta.url))
  return ['--disable-warning=ExperimentalWarning', ...before, path]
}

/** A program gets nothing of the tests' own environment that would change what it does. */
export function cleanEnvironment(more: Record<string, string>): Record<string, string | undefined> {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(PARLEY_|NODE_|JEST_|NO_COLOR|FORCE_COLOR)/.test(name),
  )
  // People in tests let each other in, unless they say otherwise.
  return { ...Object.fromEntries(own), PARLEY_REQUESTS: 'accept', ...more }
}

/** Starts a program by the path of its file. */
export const startCommand = (path: string, args: readonly string[]): Running =>
  startProcess(process.execPath, [path, ...args], {})

function startProcess(command: string, args: readonly string[], env: Record<string, string>): Running {
  const child = spawn(command, args, { env: cleanEnvironment(env), stdio: 'pipe' })
  running.add(child)
  // A process that is killed does not read its input any more.
  child.stdin.on('error', () => undefined)
  const stdout = collect(child.stdout)
  const stderr = collect(child.stderr)
  const ended = Promise.all([once(child, 'close'), stdout.read, stderr.read]).then(([[code, signal]]) => {
    running.delete(child)
    return { code, signal }
  })
  return {
    pid: child.pid ?? 0,
    stdout: stdout.lines,
    stderr: stderr.lines,
    write: input => void child.stdin.write(input),
    endInput: () => void child.stdin.end(),
    ended,
    stop(signal = 'SIGTERM') {
      child.kill(signal)
      return ended
    },
  }
}

function collect(stream: Readable): { lines: Lines; read: Promise<void> } {
  const all: string[] = []
  const listeners = new Set<(line: string) => void>()
  const read = (async () => {
    for await (const line of readLines(stream)) {
      all.push(line)
      for (const listener of [...listeners]) listener(line)
    }
  })()
  const onLine = (listener: (line: string) => void) => void listeners.add(listener)
  const find: Lines['find'] = (wanted, from = 0) => {
    const fits = wanted instanceof RegExp ? (line: string) => wanted.test(line) : wanted
    const there = all.slice(from).find(fits)
    if (there !== undefined) return Promise.resolve(there)
    return new Promise((resolve, reject) => {
      const settle = (done: () => void) => {
        clearTimeout(timer)
        listeners.delete(listener)
        done()
      }
      const giveUp = (why: string) =>
        settle(() => reject(new Error(`${why} waiting for ${wanted}; the last lines:\n${tail(all)}`)))
      const listener = (line: string) => {
        if (fits(line)) settle(() => resolve(line))
      }
      const timer = setTimeout(() => giveUp('Time is up'), WAIT_MS)
      listeners.add(listener)
      void read.then(() => listeners.has(listener) && giveUp('The output ended'))
    })
  }
  return { lines: { all, find, onLine }, read }
}

const tail = (lines: readonly string[]) =>
  lines
    .slice(-30)
    .map(line => line.slice(0, 300))
    .join('\n')
