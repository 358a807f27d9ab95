// The client's options. Each is a row: the parser, the environment variable and the help come from it.

import { parseArgs } from 'node:util'
import type { KeyChangePolicy } from '../endpoint/index.js'
import { parseFingerprint } from '../protocol/identity/fingerprint.js'
import { isHandle } from '../protocol/identity/handle.js'
import { type Address, InviteError, parseAddress } from '../protocol/invite/address.js'
import { type Invite, isInvite, parseInvite } from '../protocol/invite/invite-link.js'
import { DAY_MS, SECOND_MS } from '../protocol/time.js'
import { EXIT } from './exit.js'
import { HANDLE_RULE, inviteCause } from './words/typed.js'

/** An option is wrong. The message says which, and what is allowed. */
export class UsageError extends Error {
  override name = 'UsageError'
}

const ACTIONS = ['transcript', 'doctor', 'link', 'phrase'] as const
type Action = 'chat' | (typeof ACTIONS)[number]

export interface ClientOptions {
  action: Action
  address: Address | undefined
  invite: Invite | undefined
  handle: string | undefined
  /** A handle, or a room's name behind "#". */
  to: string | undefined
  /** Folder of the vaults. */
  data: string
  json: boolean
  waitDelivered: boolean
  follow: boolean
  /** Milliseconds that a script may take after its input has ended. */
  timeoutMs: number | undefined
  acceptServer: Uint8Array | undefined
  /** What to do when somebody shows another key than before. */
  keyChange: KeyChangePolicy
  /** Which of the account's devices makes room for this one: a number or a fingerprint. */
  revoke: string | undefined
}

export type Request = { kind: 'run'; options: ClientOptions } | { kind: 'help' } | { kind: 'version' }

interface Row {
  name: string
  value?: string
  short?: string
  help: string
}

const ROWS = [
  { name: 'handle', value: 'HANDLE', help: 'who you are; asked for at the first start' },
  {
    name: 'to',
    value: 'HANDLE',
    help: "whom to write to, or '#ROOM' (default: who invited you, or the operator)",
  },
  { name: 'server', value: 'ADDRESS', help: 'HOST:PORT or an invite link, instead of the argument' },
  { name: 'data', value: 'FOLDER', help: 'folder of your keys and history (default ./data/client)' },
  { name: 'accept-server', value: 'SHA256:...', help: 'accept the changed key of the server, once' },
  {
    name: 'key-change',
    value: 'POLICY',
    help: "when somebody's key changes: block (the default), warn or accept",
  },
  {
    name: 'revoke',
    value: 'DEVICE',
    help: 'with link in a pipe: at the limit of devices, end this one for the new one',
  },
  { name: 'json', help: 'print one JSON object a line for every event' },
  {
    name: 'wait-delivered',
    help: "in a pipe: end when the peer's device has everything, not only the server",
  },
  { name: 'follow', help: 'in a pipe: stay after the input has ended, and print what arrives' },
  { name: 'timeout', value: 'SECONDS', help: 'in a pipe: give up that long after the input has ended' },
  { name: 'help', short: 'h', help: 'show this' },
  { name: 'version', help: 'show the version' },
] as const satisfies readonly Row[]

const TABLE: readonly Row[] = ROWS
type Name = (typeof ROWS)[number]['name']
type Given = (name: Name) => string | undefined

/** Where a client looks for a server unless it is told: the one that `npm start` runs. */
export const DEFAULT_ADDRESS = 'localhost:5000'
const KEY_CHANGES = ['block', 'warn', 'accept'] as const satisfies readonly KeyChangePolicy[]
const MAX_TIMEOUT_S = DAY_MS / SECOND_MS

/** Reads the command line and, for what it leaves out, the environment. Throws UsageError. */
export function readOptions(
  args: readonly string[],
  environment: Record<string, string | undefined>,
): Request {
  const { values, positionals } = parsed(args)
  if (values.help) return { kind: 'help' }
  if (values.version) return { kind: 'version' }
  const given: Given = name => {
    const value = values[name]
    return typeof value === 'string' ? value : environment[variableOf(name)] || undefined
  }
  const [first, ...rest] = positionals
  const action = ACTIONS.find(name => name === first)
  const [target, ...more] = action ? rest : positionals
  if (more.length > 0) throw new UsageError(`"${more[0]}" is one argument too many: --help shows the options`)
  return {
    kind: 'run',
    options: {
      action: action ?? 'chat',
      ...readTarget(target ?? given('server')),
      handle: readHandle('handle', given('handle')),
      to: readRecipient(given('to')),
      data: given('data') ?? './data/client',
      json: values.json === true,
      waitDelivered: values['wait-delivered'] === true,
      follow: values.follow === true,
      timeoutMs: readTimeout(given('timeout')),
      acceptServer: readFingerprint(given('accept-server')),
      keyChange: readKeyChange(given('key-change')),
      revoke: given('revoke'),
    },
  }
}

function parsed(args: readonly string[]) {
  const options = Object.fromEntries(
    TABLE.map(({ name, value, short }) => [
      name,
      { type: value ? ('string' as const) : ('boolean' as const), ...(short ? { short } : {}) },
    ]),
  )
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    throw new UsageError(`${text.split(/[.\n]/, 1)[0]}: --help shows the options`)
  }
}

function readTarget(text: string | undefined): { address: Address | undefined; invite: Invite | undefined } {
  if (text === undefined) return { address: undefined, invite: undefined }
  try {
    if (!isInvite(text)) return { address: parseAddress(text), invite: undefined }
    const invite = parseInvite(text)
    return { address: { host: invite.host, port: invite.port }, invite }
  } catch (error) {
    if (error instanceof InviteError) throw new UsageError(inviteCause(error.why))
    throw error
  }
}

function readHandle(name: string, text: string | undefined): string | undefined {
  if (text === undefined || isHandle(text)) return text
  throw new UsageError(`--${name} "${text}": ${HANDLE_RULE}`)
}

function readRecipient(text: string | undefined): string | undefined {
  if (text === undefined || /^#./.test(text)) return text
  return readHandle('to', text)
}

function readTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && seconds <= MAX_TIMEOUT_S) return seconds * SECOND_MS
  throw new UsageError(`--timeout must be seconds, up to ${MAX_TIMEOUT_S}, not "${text}"`)
}

function readFingerprint(text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined
  const fingerprint = parseFingerprint(text)
  if (fingerprint) return fingerprint
  throw new UsageError(
    '--accept-server must be a fingerprint as the server prints it: SHA256: and 43 characters',
  )
}

function readKeyChange(text = 'block'): KeyChangePolicy {
  const policy = KEY_CHANGES.find(name => name === text)
  if (policy) return policy
  throw new UsageError(`--key-change must be ${KEY_CHANGES.join(', ')}, not "${text}"`)
}

const USAGES = [
  ['[ADDRESS] [options]', 'chat'],
  ['transcript [options]', 'print what was said, and end'],
  ['doctor [options]', 'look for what is wrong, repair it, and end'],
  ['link [ADDRESS] [options]', 'make this a further device of your account'],
  ['phrase [options]', 'print the 24 words that restore your account'],
] as const
const USAGE_WIDTH = 36

/** `program`: how a person calls this. */
export function helpText(program: string): string {
  const rows = TABLE.map(row => {
    const name = `${row.short ? `-${row.short}, ` : ''}--${row.name}${row.value ? ` ${row.value}` : ''}`
    return { name, help: `${row.help}${row.value ? ` [${variableOf(row.name)}]` : ''}` }
  })
  const width = Math.max(...rows.map(({ name }) => name.length))
  return [
    'Parley client: a private line in a terminal or in a pipe.',
    '',
    ...USAGES.map(
      ([what, help], at) =>
        `${at === 0 ? 'Usage: ' : '       '}${`${program} ${what}`.padEnd(program.length + USAGE_WIDTH)}${help}`,
    ),
    '',
    `ADDRESS is HOST:PORT or an invite link; at the first start ${DEFAULT_ADDRESS} unless given.`,
    '',
    ...rows.map(({ name, help }) => `  ${name.padEnd(width)}  ${help}`),
    '',
    'In brackets: the environment variable that is read where the option is not given.',
    'PARLEY_PASSPHRASE is the passphrase of what is kept in the folder; in a terminal it is asked for.',
    '',
    `Exit codes: ${Object.values(EXIT)
      .map(({ code, meaning }) => `${code} ${meaning}`)
      .join('; ')}.`,
  ].join('\n')
}

const variableOf = (name: string) => `PARLEY_${name.toUpperCase().replaceAll('-', '_')}`
