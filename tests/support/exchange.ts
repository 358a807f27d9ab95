// Two who write to each other all the time, and what must be true of it afterwards, whatever happened meanwhile.

import { expect } from '@jest/globals'
import { type Running, WAIT_MS } from './processes.js'
import type { Client, ClientEvent, Server, TranscriptEntry } from './world.js'

/** Between what one types, in ms: a hundred lines a second. */
const PACE_MS = 10

interface Speaker {
  readonly handle: string
  /** All that was ever typed. An envelope that was not read when a process was killed is nobody's. */
  readonly typed: readonly string[]
  /** Of this it was told that it is saved: it must arrive. */
  readonly saved: ReadonlySet<string>
  /** Types into a new process from here on. */
  speakIn(process: Client | Server): void
  /** Stops, and resolves when a last line, and with it all before, is where it was to be. */
  finish(): Promise<void>
}

/** Types into clients: `client --to ... --follow`. */
export function clientSpeaker(handle: string): Speaker {
  return speaker<Client>(handle, {
    type: (client, text) => client.write(`${text}\n`),
    onSaved: (client, tell) => client.onEvent(event => isOwn(event) && tell(event.text ?? '')),
    async delivered(client, text) {
      const { id } = await client.event(event => isOwn(event) && event.text === text)
      await client.event(event => event.type === 'state' && event.id === id && event.state === 'delivered')
    },
  })
}

/** Types at the operator's console, to `peer`, whose client tells what has arrived. */
export function operatorSpeaker(
  handle: string,
  peer: string,
  arrived: (text: string) => Promise<void>,
): Speaker {
  const own = new RegExp(` ${handle}(?: → ${peer})?: (${handle} [^ ]+)$`)
  return speaker<Server>(handle, {
    type: (server, text) => server.write(`@${peer} ${text}\n`),
    onSaved(server, tell) {
      server.stdout.onLine(line => {
        const text = own.exec(line)?.[1]
        if (text) tell(text)
      })
    },
    delivered: (_, text) => arrived(text),
  })
}

const isOwn = ({ type, own }: ClientEvent) => type === 'message' && own === true

interface Voice<P extends Running> {
  type(process: P, text: string): void
  /** Calls `tell` for each line that the process says it has saved. */
  onSaved(process: P, tell: (text: string) => void): void
  delivered(process: P, text: string): Promise<void>
}

function speaker<P extends Running>(handle: string, voice: Voice<P>): Speaker {
  const typed: string[] = []
  const saved = new Set<string>()
  let process: P | undefined
  let speaking = true
  const type = (text: string) => {
    typed.push(text)
    if (process) voice.type(process, text)
  }
  const next = () => {
    if (speaking) type(`${handle} ${typed.length + 1}`)
  }
  return {
    handle,
    typed,
    saved,
    speakIn(started) {
      const present = started as unknown as P
      process = present
      voice.onSaved(present, text => {
        saved.add(text)
        if (process === present && text === typed.at(-1)) setTimeout(next, PACE_MS)
      })
      next()
    },
    async finish() {
      speaking = false
      const last = `${handle} end`
      type(last)
      if (process) await voice.delivered(process, last)
    },
  }
}

/** Everything that was saved is there, once, in its order, and both sides have the same. */
export function checkExchange(
  transcripts: readonly [readonly TranscriptEntry[], readonly TranscriptEntry[]],
  speakers: readonly Speaker[],
): void {
  const [mine, theirs] = transcripts.map(entries =>
    entries.map(({ type, sequence, from, text }) => ({ type, sequence, from, text })),
  )
  expect(theirs).toEqual(mine)
  const entries = transcripts[0]
  expect(entries.filter(({ type }) => type !== 'message')).toEqual([])
  expect(entries.every(({ sequence }, at) => sequence > (entries[at - 1]?.sequence ?? 0))).toBe(true)
  for (const { handle, typed, saved } of speakers) {
    const there = entries.filter(({ from }) => from === handle).map(({ text }) => text)
    const missing = [...saved].filter(text => !there.includes(text))
    expect({ handle, missing }).toEqual({ handle, missing: [] })
    // Each at most once and in the order of typing.
    const kept = new Set(there)
    expect(there).toEqual(typed.filter(text => kept.has(text)))
    expect(there.length).toBeGreaterThan(1)
  }
}

/**
 * Resolves at the `count`-th line of the output, from here on, that is wanted. Rejects when the process ends, or when
 * time is up.
 */
export function nth({ stdout, stderr, ended }: Running, count: number, wanted: RegExp): Promise<void> {
  let left = count
  return new Promise((resolve, reject) => {
    const giveUp = (why: string) => reject(new Error(`${why} before ${count} x ${wanted}`))
    const timer = setTimeout(() => giveUp('Time was up'), WAIT_MS)
    stdout.onLine(line => {
      if (!wanted.test(line) || --left !== 0) return
      clearTimeout(timer)
      resolve()
    })
    void ended.then(() => {
      clearTimeout(timer)
      giveUp(`The process ended (${stderr.all.join('\n')})`)
    })
  })
}
