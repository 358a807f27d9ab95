// A program at a terminal: script(1) of util-linux gives it one, and a small screen shows what it draws.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type VirtualScreen, virtualScreen } from '../unit/terminal/screen.js'
import { cleanEnvironment, nodeArguments, WAIT_MS } from './processes.js'

/** undefined where a program can be given a terminal; else why not, for a test that is left out. */
export function noTerminalBecause(): string | undefined {
  const { stdout, error } = spawnSync('script', ['--version'], { encoding: 'utf8' })
  return error || !stdout.includes('util-linux') ? 'there is no script(1) of util-linux here' : undefined
}

export interface TerminalProcess {
  screen: VirtualScreen
  /** The bytes that the keyboard sends. */
  type(keys: string): void
  /** Resolves when the screen's text, its rows joined by "\n", fits. */
  shows(wanted: RegExp): Promise<string>
  /** The exit code. */
  ended: Promise<number | null>
  kill(): void
}

/** Starts a program of dist/services at a terminal of `columns` times 24 cells. */
export function startAtTerminal(program: string, args: readonly string[], columns: number): TerminalProcess {
  const words = [process.execPath, ...nodeArguments(program), ...args].map(quoted).join(' ')
  const command = `stty cols ${columns} rows 24; exec ${words}`
  const child = spawn('script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], {
    env: cleanEnvironment({ TERM: 'xterm', NO_COLOR: '1', SHELL: '/bin/sh' }),
    stdio: 'pipe',
  })
  const screen = virtualScreen()
  const looks = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', (bytes: string) => {
    screen.write(bytes)
    for (const look of [...looks]) look()
  })
  child.stdin.on('error', () => undefined)
  const text = () => screen.text().join('\n')
  return {
    screen,
    type: keys => void child.stdin.write(keys),
    shows: wanted =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          looks.delete(look)
          reject(new Error(`Time is up waiting for ${wanted}; the screen:\n${text()}`))
        }, WAIT_MS)
        const look = () => {
          if (!wanted.test(text())) return
          clearTimeout(timer)
          looks.delete(look)
          resolve(text())
        }
        looks.add(look)
        look()
      }),
    ended: once(child, 'close').then(([code]) => code),
    kill: () => void child.kill('SIGKILL'),
  }
}

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`
