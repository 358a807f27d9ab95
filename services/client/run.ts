// From the command line to a chat, a script or a transcript.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Endpoint, openEndpoint, type StartOptions } from '../endpoint/endpoint.js'
import { parseAddress } from '../endpoint/identity/invite.js'
import { VaultError } from '../endpoint/vault/vault.js'
import { eventBuffer } from './event-buffer.js'
import { EXIT, type Exit } from './exit.js'
import { runInteractive } from './interactive.js'
import { type ClientOptions, DEFAULT_ADDRESS, helpText, readOptions, UsageError } from './options.js'
import { openScript } from './script.js'
import { transcript } from './transcript.js'
import { chooseVault } from './vault-folder.js'

/** Runs the client. Resolves with the exit code. */
export async function main(): Promise<number> {
  try {
    const request = readOptions(process.argv.slice(2), process.env)
    if (request.kind === 'help') return print(helpText())
    if (request.kind === 'version') return print(version())
    return EXIT[await run(request.options)].code
  } catch (error) {
    const known = error instanceof UsageError || error instanceof VaultError
    const text = error instanceof Error ? error.message : String(error)
    note(`parley: ${known ? text : `a defect, please report it: ${text}`}`)
    return error instanceof UsageError ? EXIT.usage.code : EXIT.failed.code
  }
}

async function run(options: ClientOptions): Promise<Exit> {
  if (options.action === 'transcript') return await runTranscript(options)
  const atTerminal = process.stdin.isTTY && process.stdout.isTTY && !options.json
  return atTerminal ? await runInteractive(options) : await runScript(options)
}

/** What a first start needs, and what the person asked to change. */
export function startOptions({ address, invite, acceptServer }: ClientOptions, fresh: boolean): StartOptions {
  const target = address ?? (fresh ? parseAddress(DEFAULT_ADDRESS) : undefined)
  const server = acceptServer
    ? { fingerprint: acceptServer, replacesPin: true }
    : invite && { fingerprint: invite.server, replacesPin: false }
  return {
    ...(target ? { address: target } : {}),
    ...(server ? { server } : {}),
    ...(invite?.inviter ? { inviter: invite.inviter } : {}),
  }
}

export const passphraseGiven = (): string | undefined => process.env.PARLEY_PASSPHRASE || undefined

async function runTranscript({ data, handle, to, json }: ClientOptions): Promise<Exit> {
  const choice = chooseVault(data, handle)
  if (choice.kind === 'several') throw severalVaults(choice.handles)
  if (choice.kind === 'new')
    throw new UsageError(`there is no history in ${data}${handle ? ` of ${handle}` : ''}`)
  const endpoint = await openEndpoint({
    folder: choice.folder,
    passphrase: passphraseGiven(),
    onEvent: () => undefined,
  })
  for (const line of transcript(endpoint, { to, json })) print(line)
  await endpoint.close()
  return 'done'
}

async function runScript(options: ClientOptions): Promise<Exit> {
  const choice = chooseVault(options.data, options.handle)
  if (choice.kind === 'several') throw severalVaults(choice.handles)
  if (choice.kind === 'new' && options.handle === undefined)
    throw new UsageError('nobody has an account here yet: say who you are with --handle')
  const folder = choice.kind === 'known' ? choice.folder : join(options.data, options.handle!)
  const events = eventBuffer()
  const endpoint = await openEndpoint({
    folder,
    passphrase: passphraseGiven(),
    onEvent: events.push,
  })
  const script = openScript({ ...options, endpoint, input: process.stdin, print, note })
  const operator = operatorKnown(endpoint)
  events.drainTo(event => {
    if (event.type === 'operator') operator.known(event.handle)
    script.onEvent(event)
  })
  stopOnSignal(() => {
    const { unsent } = endpoint.unsettled()
    script.stop(unsent === 0 ? 'done' : 'timeout')
  })
  const fresh = endpoint.account() === undefined
  endpoint.prepare({ ...(options.handle ? { handle: options.handle } : {}), ...startOptions(options, fresh) })
  endpoint.connect()
  const to = options.to ?? options.invite?.inviter?.handle
  const conversation = (to ? Promise.resolve(to) : operator.handle).then(handle => endpoint.open(handle))
  const exit = await script.run(conversation)
  await endpoint.close()
  process.stdin.destroy()
  return exit
}

/** The operator's handle, as soon as the server has told it, now or in an earlier run. */
function operatorKnown(endpoint: Endpoint): { handle: Promise<string>; known(handle: string): void } {
  let known: (handle: string) => void = () => undefined
  const handle = new Promise<string>(resolve => {
    known = resolve
  })
  const before = endpoint.operator()
  if (before) known(before)
  return { handle, known }
}

function stopOnSignal(stop: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop)
}

function severalVaults(handles: readonly string[]): UsageError {
  return new UsageError(
    `there are several accounts here: say who you are with --handle (${handles.join(', ')})`,
  )
}

function version(): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
  )
  return `parley client ${manifest.version}`
}

function print(line: string): number {
  process.stdout.write(`${line}\n`)
  return EXIT.done.code
}

function note(line: string): void {
  process.stderr.write(`${line}\n`)
}
