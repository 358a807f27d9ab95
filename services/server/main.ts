import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { calledAs } from '../launch/called-as.js'
import { UsageError } from '../options/options.js'
import { accountFingerprint } from '../protocol/identity/fingerprint.js'
import type { Inviter } from '../protocol/invite/invite-link.js'
import type { AccountKey } from '../protocol/keys.js'
import { nodeCrypto } from '../protocol/node/crypto.js'
import { operatorActions } from './admin/operator-actions.js'
import { certificateNames, dialHosts } from './config/addresses.js'
import { greeting } from './config/greeting.js'
import { consoleWanted, helpText, readOptions, type ServerOptions } from './config/options.js'
import { StartError } from './config/start-error.js'
import { LIMITS, type RelayLimits } from './limits.js'
import { openLog } from './log.js'
import { type Relay, startRelay } from './relay.js'
import { openSqliteStore, StoreOpenError } from './store/sqlite/store.js'
import type { Store } from './store/store.js'

const FAILED = 1
const WRONG_USE = 2

async function main(): Promise<void> {
  const request = readOptions(process.argv.slice(2), process.env)
  if (request.kind === 'help') return say(helpText(calledAs('parley-server', 'npm start --')))
  if (request.kind === 'version') return say(version())
  await run(request.options)
}

async function run(options: ServerOptions): Promise<void> {
  const wanted = consoleWanted(options.console, process.stdin.isTTY && process.stdout.isTTY)
  const stop = stopSignal()
  const log = openLog({
    level: options.logLevel,
    ...(wanted ? { file: join(options.data, 'server.log') } : {}),
  })
  const { retentionSeconds, accountBytes } = options
  const limits = { ...LIMITS, retentionSeconds, accountBytes }
  const relay = await startRelay({
    store: await openStore(options, limits),
    folder: options.data,
    host: options.host,
    port: options.port,
    operatorHandle: options.operatorHandle,
    registration: options.registration,
    log,
    limits,
    guard: options.guard,
    names: certificateNames(options),
    ...(options.tls ? { tls: options.tls } : {}),
  })
  const { port, fingerprint, serverId, directoryKey } = relay
  const operator = wanted ? await openConsole(options, relay, stop.now) : undefined
  const known = { port, fingerprint, serverId, directoryKey }
  if (!operator) for (const line of greeting({ ...options, ...known })) say(line)
  log.info({ port, fingerprint: Buffer.from(fingerprint).toString('base64') }, 'started')
  const signal = await stop.asked
  log.info({ signal }, 'stopping')
  await operator?.close()
  await relay.stop()
  log.info('stopped')
}

function openStore({ data, maxStorageBytes }: ServerOptions, limits: RelayLimits): Promise<Store> {
  return openSqliteStore({ folder: data, limits, ...(maxStorageBytes ? { maxBytes: maxStorageBytes } : {}) })
}

/** Loaded only here: without a console this process has no module that could open an envelope. */
async function openConsole(options: ServerOptions, relay: Relay, onQuit: () => void) {
  const { openOperator, whyNotOpened } = await import('../client/operator.js')
  try {
    return await openOperator({
      server: { host: dialHosts(options.host)[0]!, port: relay.port, certificate: relay.certificate },
      folder: join(options.data, 'operator'),
      handle: options.operatorHandle,
      passphrase: process.env.PARLEY_PASSPHRASE || undefined,
      admit: relay.admitOperator,
      greeting: accountKey =>
        greeting({ ...options, ...relay, inviter: inviterOf(options.operatorHandle, accountKey) }),
      actions: accountKey =>
        operatorActions(relay, { ...options, inviter: inviterOf(options.operatorHandle, accountKey) }),
      input: process.stdin,
      output: process.stdout,
      onQuit,
    })
  } catch (error) {
    await relay.stop()
    const why = whyNotOpened(error)
    throw why === undefined ? error : new StartError(why)
  }
}

function inviterOf(handle: string, accountKey: AccountKey): Inviter {
  return { handle, account: accountFingerprint(nodeCrypto, accountKey) }
}

/** `asked` resolves at the first SIGINT or SIGTERM, or at `now`. A second signal ends the process at once. */
function stopSignal(): { asked: Promise<string>; now(): void } {
  let resolve: (signal: string) => void = () => undefined
  const asked = new Promise<string>(settle => {
    resolve = settle
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal))
  return { asked, now: () => resolve('console') }
}

function version(): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
  )
  return `parley server ${manifest.version}`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Errors of known kinds are for a person: one line. Anything else is a defect and shows where it is. */
function fail(error: unknown): void {
  const known = error instanceof UsageError || error instanceof StartError || error instanceof StoreOpenError
  process.stderr.write(
    `parley server: ${known ? error.message : error instanceof Error ? error.stack : error}\n`,
  )
  process.exitCode = error instanceof UsageError ? WRONG_USE : FAILED
}

main().catch(fail)
