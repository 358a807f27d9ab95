import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import { openSqliteStore } from '../../services/server/store/sqlite/store.js'
import { gist, readAll, register } from '../support/store-world.js'

const APPENDER = fileURLToPath(new URL('../support/store-appender.js', import.meta.url))
/** Lines after which the process is killed: from the first answers to beyond the first checkpoints. */
const KILLED_AFTER = [1, 50, 700, 3_000, 20_000]
const TIMEOUT_MS = 60_000

/** Runs the appender until it has printed so many lines; returns the highest that it printed per caller. */
async function appendUntilKilled(folder: string, name: string, lines: number): Promise<Map<number, bigint>> {
  const child = spawn(process.execPath, [APPENDER, folder, name], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const accepted = new Map<number, bigint>()
  let seen = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const [caller, sent] = line.split(' ')
    // The last line may be cut off; a shorter number only asks for less.
    if (caller && sent) accepted.set(Number(caller), BigInt(sent))
    seen += 1
    if (seen === lines) child.kill('SIGKILL')
  }
  const [, signal] = await exited
  expect(signal).toBe('SIGKILL')
  return accepted
}

test(
  'everything that was accepted before a kill -9 is there afterwards, whole and in order',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'parley-kill-'))
    for (const lines of KILLED_AFTER) {
      const accepted = await appendUntilKilled(folder, `run-${lines}`, lines)
      expect(accepted.size).toBeGreaterThan(0)
      const store = await openSqliteStore({ folder })
      for (const [caller, sent] of accepted) {
        const device = await register(store, `run-${lines}-${caller}`)
        const stored = await store.log.clientSequence(device.id)
        expect(stored).toBeGreaterThanOrEqual(sent)
        const own = (await readAll(store, device)).envelopes.map(gist)
        expect(own).toEqual(Array.from({ length: Number(stored) }, (_, index) => `own ${index + 1}`))
      }
      await store.close()
    }
    await rm(folder, { recursive: true })
  },
  TIMEOUT_MS,
)
