// From the command line to a chat, a script or a transcript.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type ConversationNumber,
  type Endpoint,
  type EndpointEvent,
  openLocalEndpoint,
  Refusal,
} from '../endpoint/index.js'
import { UsageError } from '../options/options.js'
import { runDoctor, watchLine } from './commands/doctor.js'
import { eventBuffer } from './event-buffer.js'
import { EXIT, type Exit } from './exit.js'
import { runInteractive } from './interactive.js'
import { type ClientOptions, helpText, readOptions } from './options.js'
import { Script } from './script/script.js'
import { transcript } from './script/transcript.js'
import { joinFromPipe } from './start/link.js'
import { passphraseGiven, refusesHandle, startOptions } from './start/start.js'
import { chooseVault, removeVault } from './start/vault-folder.js'
import { errorWords } from './words/errors.js'
import { PROGRAM } from './words/help.js'
import * as words from './words/start.js'

/** Runs the client. Resolves with the exit code. */
export async function main(): Promise<number> {
  try {
    const request = readOptions(process.argv.slice(2), process.env)
    if (request.kind === 'help') return print(helpText(PROGRAM))
    if (request.kind === 'version') return print(version())
    return EXIT[await run(request.options)].code
  } catch (error) {
    const isUsage = error instanceof UsageError || error instanceof Refusal
    const text = error instanceof Error ? error.message : String(error)
    note(words.said(errorWords(error) ?? words.aDefect(text)))
    return isUsage ? EXIT.usage.code : EXIT.failed.code
  }
}

async function run(options: ClientOptions): Promise<Exit> {
  if (options.action === 'transcript') return await runTranscript(options)
  if (options.action === 'doctor') return await runDoctorOn(options)
  if (options.action === 'phrase') return await runPhrase(options)
  const atTerminal = process.stdin.isTTY && process.stdout.isTTY && !options.json
  if ((options.action === 'link' || options.action === 'recover') && !atTerminal)
    return await joinFromPipe(options, options.action, { input: process.stdin, note })
  return atTerminal ? await runInteractive(options) : await runScript(options)
}

async function runTranscript(options: ClientOptions): Promise<Exit> {
  return await withVault(options, endpoint => {
    for (const line of transcript(endpoint, options)) print(line)
  })
}

/** Prints the words without being asked twice, where they are kept still: a person who runs it asks for nothing else. */
async function runPhrase(options: ClientOptions): Promise<Exit> {
  return await withVault(options, endpoint => {
    const phrase = endpoint.recoveryPhrase()
    if (phrase === undefined) throw new UsageError(words.WORDS_GONE)
    print(options.json ? JSON.stringify({ type: 'phrase', phrase }) : phrase)
  })
}

async function runDoctorOn(options: ClientOptions): Promise<Exit> {
  const line = watchLine()
  let exit: Exit = 'failed'
  const use = async (endpoint: Endpoint) => {
    await endpoint.prepare(startOptions(options, false))
    exit = await runDoctor(endpoint, { line, json: options.json, print })
  }
  await withVault(options, use, line.onEvent)
  return exit
}

/** Opens a vault that is there, without a line to the server. */
async function withVault(
  { data, handle }: ClientOptions,
  use: (endpoint: Endpoint) => void | Promise<void>,
  onEvent: (event: EndpointEvent) => void = () => undefined,
): Promise<Exit> {
  const choice = chooseVault(data, handle)
  if (choice.kind === 'several') throw severalVaults(choice.handles)
  if (choice.kind === 'new') throw new UsageError(words.noHistory(data, handle))
  const endpoint = await openLocalEndpoint({
    folder: choice.folder,
    passphrase: passphraseGiven(),
    onEvent,
  })
  try {
    await use(endpoint)
  } finally {
    await endpoint.close()
  }
  return 'done'
}

async function runScript(options: ClientOptions): Promise<Exit> {
  const choice = chooseVault(options.data, options.handle)
  if (choice.kind === 'several') throw severalVaults(choice.handles)
  if (choice.kind === 'new' && options.handle === undefined) throw new UsageError(words.NOBODY_HERE)
  const folder = choice.kind === 'known' ? choice.folder : join(options.data, options.handle!)
  const events = eventBuffer()
  const endpoint = await openLocalEndpoint({
    folder,
    passphrase: passphraseGiven(),
    keyChange: options.keyChange,
    requests: options.requests,
    onEvent: events.push,
  })
  const fresh = endpoint.account() === undefined
  let useless = false
  const script = new Script({ ...options, endpoint, input: process.stdin, print, note })
  const operator = operatorKnown(endpoint)
  const room = options.to?.startsWith('#') ? roomKnown(endpoint, options.to) : undefined
  events.drainTo(event => {
    if (event.type === 'operator') operator.known(event.handle)
    room?.look()
    if (fresh && refusesHandle(event)) useless = true
    script.onEvent(event)
  })
  stopFromOutside(script)
  await endpoint.prepare({
    ...(options.handle ? { handle: options.handle } : {}),
    ...startOptions(options, fresh),
  })
  if (fresh) handOverWords(endpoint, options)
  endpoint.connect()
  const to = options.to ?? options.invite?.inviter?.handle
  const person = () => (to ? Promise.resolve(to) : operator.handle).then(handle => endpoint.open(handle))
  const conversation = room?.conversation ?? person()
  try {
    return await script.run(conversation)
  } finally {
    // On the word of a server nothing goes that one has taken in before.
    const isOfUse = endpoint.wasTakenIn()
    await endpoint.close()
    process.stdin.destroy()
    if (useless && !isOfUse) removeVault(folder)
  }
}

/** In a pipe nobody is asked to confirm the words: they are given out once, and kept no longer than the server needs. */
function handOverWords(endpoint: Endpoint, { phraseTo }: Pick<ClientOptions, 'phraseTo'>): void {
  const phrase = endpoint.recoveryPhrase()
  if (phrase === undefined) return
  if (phraseTo === undefined) note(words.wordsBelow(phrase))
  else writeFileSync(phraseTo, `${phrase}\n`, { mode: 0o600, flag: 'wx' })
}

/** The operator's handle, as soon as the server has told it, now or in an earlier run. */
function operatorKnown(endpoint: Endpoint): { handle: Promise<string>; known(handle: string): void } {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const before = endpoint.operator()
  if (before) resolve(before)
  // Unheard where it is said whom to write to.
  promise.catch(() => undefined)
  return {
    handle: promise,
    known(handle) {
      if (handle === '') reject(new UsageError(words.NO_OPERATOR))
      else resolve(handle)
    },
  }
}

/** The room of this name, as soon as this account is in it: it may be invited only later. */
function roomKnown(
  endpoint: Endpoint,
  title: string,
): { conversation: Promise<ConversationNumber>; look(): void } {
  const { promise, resolve } = Promise.withResolvers<ConversationNumber>()
  const look = () => {
    const room = endpoint.conversations().find(({ kind, peer }) => kind === 'room' && peer === title)
    if (room && endpoint.room(room.number).state !== 'ended') resolve(room.number)
  }
  look()
  return { conversation: promise, look }
}

function stopFromOutside(script: Script): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => script.interrupt())
  // Nobody reads on: head(1), say.
  process.stdout.on('error', () => script.stop('failed'))
}

const severalVaults = (handles: readonly string[]) => new UsageError(words.severalAccounts(handles))

function version(): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
  )
  return words.version(manifest.version)
}

function print(line: string): number {
  process.stdout.write(`${line}\n`)
  return EXIT.done.code
}

function note(line: string): void {
  process.stderr.write(`${line}\n`)
}
