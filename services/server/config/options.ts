// The server's options. Each is a row: the parser, the environment variable and the help come from it.

import { type OptionRow, optionsHelp, readArguments, UsageError } from '../../options/options.js'
import { isHandle } from '../../protocol/identity/handle.js'
import { type Address, MAX_PORT } from '../../protocol/invite/address.js'
import { DAY_MS, SECOND_MS } from '../../protocol/time.js'
import { HANDLE_RULE } from '../auth/handle-rule.js'
import { GUARD_LIMITS, type GuardLimits, WITHOUT_ADDRESSES } from '../guard/guard-limits.js'
import { LIMITS } from '../limits.js'
import type { Registration } from '../store/store.js'
import { readAddress, readCount, readText, readWord } from './option-values.js'
import type { GivenTls } from './tls.js'

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
const CONSOLE = ['on', 'off', 'auto'] as const
const ADDRESS_LIMITS = ['on', 'off'] as const
const REGISTRATION = ['open', 'invite', 'closed'] as const satisfies readonly Registration[]
const DAY_SECONDS = DAY_MS / SECOND_MS
const MEGABYTE = 1024 * 1024
/** 100 years. */
const MAX_RETENTION_DAYS = 36_500
/** A terabyte. */
const MAX_STORAGE_MB = 1024 * 1024

const MAX_PER_ADDRESS = 1_000_000

export interface ServerOptions {
  port: number
  host: string
  /** Folder. */
  data: string
  console: (typeof CONSOLE)[number]
  operatorHandle: string
  registration: Registration
  tls: GivenTls | undefined
  /** The address in invite links, where it is not the one that the server sees of itself. */
  publicAddress: Address | undefined
  retentionSeconds: number
  /** undefined: as much as the disk has. */
  maxStorageBytes: number | undefined
  /** Of envelopes of one account. */
  accountBytes: number
  logLevel: (typeof LOG_LEVELS)[number]
  /** Bounds on addresses and accounts that are not the server's own. */
  guard: Partial<GuardLimits>
}

type Request = { kind: 'run'; options: ServerOptions } | { kind: 'help' } | { kind: 'version' }

const ROWS = [
  { name: 'port', value: 'PORT', fallback: '5000', help: 'port to listen on; 0 takes a free one' },
  { name: 'host', value: 'ADDRESS', fallback: '0.0.0.0', help: 'address to listen on' },
  { name: 'data', value: 'FOLDER', fallback: './data/server', help: 'folder of the store and the key' },
  {
    name: 'console',
    value: CONSOLE.join('|'),
    fallback: 'auto',
    help: "operator's console; auto: in a terminal",
  },
  {
    name: 'operator-handle',
    value: 'HANDLE',
    fallback: 'operator',
    help: 'handle that is kept for the operator',
  },
  {
    name: 'registration',
    value: REGISTRATION.join('|'),
    fallback: 'open',
    help: 'who may make an account: anybody, whoever has an invite, or nobody',
  },
  { name: 'tls-cert', value: 'FILE', help: "certificate (PEM) instead of the server's own" },
  { name: 'tls-key', value: 'FILE', help: 'its private key (PEM)' },
  { name: 'public-address', value: 'HOST:PORT', help: 'what invite links name' },
  {
    name: 'retention-days',
    value: 'DAYS',
    fallback: String(LIMITS.retentionSeconds / DAY_SECONDS),
    help: 'how long envelopes are kept for a device that is away',
  },
  { name: 'max-storage-mb', value: 'MB', help: 'room that the store may take; default: the whole disk' },
  {
    name: 'account-storage-mb',
    value: 'MB',
    fallback: String(LIMITS.accountBytes / MEGABYTE),
    help: 'room that messages of one account may take, as long as somebody has not received them',
  },
  {
    name: 'address-limits',
    value: ADDRESS_LIMITS.join('|'),
    fallback: 'on',
    help: 'whether one address may do so much and no more; off behind a proxy, where all come from one',
  },
  {
    name: 'connections-per-address',
    value: 'COUNT',
    fallback: String(GUARD_LIMITS.connectionsPerAddress),
    help: 'connections that one address may have open',
  },
  {
    name: 'registrations-per-hour',
    value: 'COUNT',
    fallback: String(GUARD_LIMITS.registrationsPerHour),
    help: 'new devices that one address may register in an hour',
  },
  { name: 'log-level', value: 'LEVEL', fallback: 'info', help: `one of ${LOG_LEVELS.join(', ')}` },
  { name: 'help', short: 'h', help: 'show this' },
  { name: 'version', help: 'show the version' },
] as const satisfies readonly OptionRow[]

type OptionName = (typeof ROWS)[number]['name']
/** The text that was given for an option, or its fallback. */
type OptionText = (name: OptionName) => string | undefined

/** Reads the command line and, for what it leaves out, the environment. Throws UsageError. */
export function readOptions(
  args: readonly string[],
  environment: Record<string, string | undefined>,
): Request {
  const given = readArguments(ROWS, { args, environment })
  if (given.isSet('help')) return { kind: 'help' }
  if (given.isSet('version')) return { kind: 'version' }
  return { kind: 'run', options: readValues(given.text) }
}

function readValues(given: OptionText): ServerOptions {
  const publicAddress = given('public-address')
  const maxStorage = given('max-storage-mb')
  return {
    port: readCount('port', given('port'), { least: 0, most: MAX_PORT }),
    host: readText('host', given('host')),
    data: readText('data', given('data')),
    console: readWord('console', given('console'), CONSOLE),
    operatorHandle: readHandle(given('operator-handle')),
    registration: readWord('registration', given('registration'), REGISTRATION),
    tls: readTls(given('tls-cert'), given('tls-key')),
    publicAddress: publicAddress === undefined ? undefined : readAddress('public-address', publicAddress),
    retentionSeconds:
      readCount('retention-days', given('retention-days'), { least: 1, most: MAX_RETENTION_DAYS }) *
      DAY_SECONDS,
    maxStorageBytes:
      maxStorage === undefined
        ? undefined
        : readCount('max-storage-mb', maxStorage, { least: 1, most: MAX_STORAGE_MB }) * MEGABYTE,
    accountBytes:
      readCount('account-storage-mb', given('account-storage-mb'), { least: 1, most: MAX_STORAGE_MB }) *
      MEGABYTE,
    guard: readGuard(given),
    logLevel: readWord('log-level', given('log-level'), LOG_LEVELS),
  }
}

/** Whether the operator's console is wanted: if asked for, or where a person sits at a terminal. */
export function consoleWanted(wish: ServerOptions['console'], isTerminal: boolean): boolean {
  return wish === 'on' || (wish === 'auto' && isTerminal)
}

/** `program`: how a person calls this. */
export function helpText(program: string): string {
  return [
    'Parley server: orders and keeps envelopes that it cannot read.',
    '',
    `Usage: ${program} [options]`,
    '',
    ...optionsHelp(ROWS),
    '',
    'In brackets: the environment variable that is read where the option is not given.',
    'Exit codes: 0 stopped, 1 failed, 2 wrong option.',
  ].join('\n')
}

function readGuard(given: OptionText): Partial<GuardLimits> {
  const range = { least: 1, most: MAX_PER_ADDRESS }
  const connectionsPerAddress = readCount('connections-per-address', given('connections-per-address'), range)
  const registrationsPerHour = readCount('registrations-per-hour', given('registrations-per-hour'), range)
  return readWord('address-limits', given('address-limits'), ADDRESS_LIMITS) === 'off'
    ? WITHOUT_ADDRESSES
    : { connectionsPerAddress, registrationsPerHour }
}

function readHandle(text: string | undefined): string {
  const handle = readText('operator-handle', text)
  if (!isHandle(handle)) throw new UsageError(`--operator-handle: ${HANDLE_RULE}`)
  return handle
}

function readTls(certificateFile: string | undefined, keyFile: string | undefined): GivenTls | undefined {
  if (certificateFile !== undefined && keyFile !== undefined) return { certificateFile, keyFile }
  if (certificateFile === undefined && keyFile === undefined) return undefined
  throw new UsageError('--tls-cert and --tls-key go together: give both or none')
}
