// The client's options. Each is a row: the parser, the environment variable and the help come from it.

import type { KeyChangePolicy, RequestPolicy } from '../endpoint/index.js'
import { type Arguments, type OptionRow, optionsHelp, readArguments, UsageError } from '../options/options.js'
import { parseFingerprint } from '../protocol/identity/fingerprint.js'
import { isHandle } from '../protocol/identity/handle.js'
import { type Address, InviteError, parseAddress } from '../protocol/invite/address.js'
import { type Invite, isInvite, parseInvite } from '../protocol/invite/invite-link.js'
import { DAY_MS, SECOND_MS } from '../protocol/time.js'
import { EXIT } from './exit.js'
import {
  BAD_FINGERPRINT,
  badKeyChange,
  badRequests,
  badTimeout,
  help,
  tooManyArguments,
} from './words/help.js'
import { HANDLE_RULE, inviteCause } from './words/typed.js'

const ACTIONS = ['transcript', 'doctor', 'link', 'recover', 'phrase'] as const
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
  /** The fingerprint of a key, or 'authority': whatever an authority vouches for. */
  acceptServer: Uint8Array | 'authority' | undefined
  /** The answer to somebody who shows another key than before. */
  keyChange: KeyChangePolicy
  /** The answer to strangers who write first. */
  requests: RequestPolicy
  /** Which of the account's devices makes room for this one: a number or a fingerprint. */
  revoke: string | undefined
  /** Which of the account's devices is handed the history when it waits for it: a number or a fingerprint. */
  giveHistory: string | undefined
  /** The person agrees to the list of devices, unseen. */
  yes: boolean
  /** Which of the other devices stay, as it was typed. */
  keep: string | undefined
  /** The file for the words of a new account. */
  phraseTo: string | undefined
}

type Request = { kind: 'run'; options: ClientOptions } | { kind: 'help' } | { kind: 'version' }

const ROWS = [
  { name: 'handle', value: 'HANDLE', help: 'who you are; asked for at the first start' },
  {
    name: 'to',
    value: 'HANDLE',
    help: "whom to write to, or '#ROOM' (default: who invited you, or the operator)",
  },
  { name: 'server', value: 'ADDRESS', help: 'HOST:PORT or an invite link, instead of the argument' },
  { name: 'data', value: 'FOLDER', help: 'folder of your keys and history (default ./data/client)' },
  {
    name: 'accept-server',
    value: 'SHA256:...',
    help: 'accept the changed key of the server, once; authority: one that an authority vouches for',
  },
  {
    name: 'key-change',
    value: 'POLICY',
    help: "when somebody's key changes: block (the default), warn or accept",
  },
  {
    name: 'requests',
    value: 'POLICY',
    help: 'when a stranger writes first: hold (the default) until you let them in, or accept',
  },
  {
    name: 'revoke',
    value: 'DEVICE',
    help: 'with link in a pipe: at the limit of devices, end this one for the new one',
  },
  { name: 'yes', help: 'with link or recover in a pipe: agree to the list of devices without seeing it' },
  {
    name: 'keep',
    value: 'DEVICES',
    help: 'with recover in a pipe: which of the others stay: numbers or fingerprints with commas, all, or none',
  },
  {
    name: 'give-history',
    value: 'DEVICE',
    help: 'in a pipe: hand the history over to this new device of yours, by its fingerprint, as soon as it waits for it',
  },
  {
    name: 'phrase-to',
    value: 'FILE',
    help: 'in a pipe: write the 24 words of a new account to this file (default: to standard error)',
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
] as const satisfies readonly OptionRow[]

type Name = (typeof ROWS)[number]['name']

/** Where a client looks for a server unless it is told: the one that `npm start` runs. */
export const DEFAULT_ADDRESS = 'localhost:5000'
const KEY_CHANGES = ['block', 'warn', 'accept'] as const satisfies readonly KeyChangePolicy[]
const REQUESTS = ['accept', 'hold'] as const satisfies readonly RequestPolicy[]
const MAX_TIMEOUT_S = DAY_MS / SECOND_MS

/** Reads the command line and, for what it leaves out, the environment. Throws UsageError. */
export function readOptions(
  args: readonly string[],
  environment: Record<string, string | undefined>,
): Request {
  const given = readArguments(ROWS, { args, environment, allowPositionals: true })
  if (given.isSet('help')) return { kind: 'help' }
  if (given.isSet('version')) return { kind: 'version' }
  return { kind: 'run', options: readValues(given) }
}

function readValues({ text, isSet, positionals }: Arguments<Name>): ClientOptions {
  const action = ACTIONS.find(name => name === positionals[0])
  const [target, ...more] = action ? positionals.slice(1) : positionals
  if (more.length > 0) throw new UsageError(tooManyArguments(more[0]!))
  return {
    action: action ?? 'chat',
    ...readTarget(target ?? text('server')),
    handle: readHandle('handle', text('handle')),
    to: readRecipient(text('to')),
    data: text('data') ?? './data/client',
    json: isSet('json'),
    waitDelivered: isSet('wait-delivered'),
    follow: isSet('follow'),
    timeoutMs: readTimeout(text('timeout')),
    acceptServer: readAccepted(text('accept-server')),
    keyChange: readKeyChange(text('key-change')),
    requests: readRequests(text('requests')),
    revoke: text('revoke'),
    giveHistory: text('give-history'),
    yes: isSet('yes'),
    keep: text('keep'),
    phraseTo: text('phrase-to'),
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
  throw new UsageError(badTimeout(text, MAX_TIMEOUT_S))
}

function readAccepted(text: string | undefined): ClientOptions['acceptServer'] {
  if (text === undefined || text === 'authority') return text
  const fingerprint = parseFingerprint(text)
  if (fingerprint) return fingerprint
  throw new UsageError(BAD_FINGERPRINT)
}

function readKeyChange(text = 'block'): KeyChangePolicy {
  const policy = KEY_CHANGES.find(name => name === text)
  if (policy) return policy
  throw new UsageError(badKeyChange(text, KEY_CHANGES))
}

function readRequests(text = 'hold'): RequestPolicy {
  const policy = REQUESTS.find(name => name === text)
  if (policy) return policy
  throw new UsageError(badRequests(text, REQUESTS))
}

/** `program`: how a person calls this. */
export const helpText = (program: string): string =>
  help({
    program,
    options: optionsHelp(ROWS),
    defaultAddress: DEFAULT_ADDRESS,
    exits: Object.values(EXIT),
  })
