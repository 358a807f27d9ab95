import { readFileSync } from 'node:fs'
import { greeting } from './greeting.js'
import { openLog } from './log.js'
import { UsageError } from './option-values.js'
import { helpText, readOptions, type ServerOptions } from './options.js'
import { startRelay } from './relay.js'
import { StoreOpenError } from './sqlite/database.js'
import { StartError } from './start-error.js'

const FAILED = 1
const WRONG_USE = 2

async function main(): Promise<void> {
  const request = readOptions(process.argv.slice(2), process.env)
  if (request.kind === 'help') return say(helpText())
  if (request.kind === 'version') return say(version())
  await run(request.options)
}

async function run(options: ServerOptions): Promise<void> {
  const stopped = stopSignal()
  const log = openLog({ level: options.logLevel })
  const relay = await startRelay({
    folder: options.data,
    host: options.host,
    port: options.port,
    operatorHandle: options.operatorHandle,
    log,
    limits: { retentionSeconds: options.retentionSeconds },
    names: options.publicAddress ? [options.publicAddress.host] : [],
    ...(options.tls ? { tls: options.tls } : {}),
    ...(options.maxStorageBytes ? { maxStorageBytes: options.maxStorageBytes } : {}),
  })
  const { port, fingerprint } = relay
  for (const line of greeting({ ...options, port, fingerprint })) say(line)
  log.info({ port, fingerprint: Buffer.from(fingerprint).toString('base64') }, 'started')
  const signal = await stopped
  log.info({ signal }, 'stopping')
  await relay.stop()
  log.info('stopped')
}

/** Resolves at the first SIGINT or SIGTERM. The default action of a second one ends the process at once. */
function stopSignal(): Promise<string> {
  return new Promise(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal))
  })
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
