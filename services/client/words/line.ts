// Why the line to the server is down, or is not tried any more.

import type { DownCause, ProbeReason, StopCause } from '../../endpoint/index.js'
import { vaultCause } from './errors.js'
import { say, type Words } from './words.js'

export const downCause = (why: DownCause): string => say(DOWN, why)

export const stopCause = (why: StopCause): string => say(STOPPED, why)

/** Either, in one row. */
export function lineCause(why: DownCause | StopCause): string {
  return firstRow(say<DownCause | StopCause, string>({ ...DOWN, ...STOPPED }, why))
}

const firstRow = (text: string): string => text.split('\n', 1)[0]!

const MS_PER_MINUTE = 60_000

const DOWN: Words<DownCause> = {
  unreachable: ({ address, why }) => unreachable(address, why),
  'no-answer': () => 'the server does not answer',
  clock: ({ offsetMs, serverTime }) => {
    const minutes = Math.round(offsetMs / MS_PER_MINUTE)
    const off = `${Math.abs(minutes)} min ${minutes > 0 ? 'ahead of' : 'behind'} the server's`
    return `this machine's clock is ${off} (${serverTime.toISOString()}): set it`
  },
  silent: ({ seconds }) => `nothing was heard for ${seconds} s`,
  ended: () => 'the server has ended the line',
  'shutting-down': () => 'the server is shutting down',
  'said-revoked': () => 'the server says that your account has ended this device',
  'wrong-numbers': () => 'the server numbers envelopes wrongly',
  'no-line': ({ address }) => (address ? `there is no line to ${address}` : 'there is no line'),
  'call-failed': ({ message }) => message,
}

export const unreachable = (address: string, why: ProbeReason): string =>
  why === 'not-grpc'
    ? `${address} speaks TLS but not gRPC: is this the right port?`
    : `${address}: ${UNREACHABLE[why]}`

const UNREACHABLE: Record<Exclude<ProbeReason, 'not-grpc'>, string> = {
  refused: 'nothing listens there: is the server running, and is the port right?',
  unreachable: 'there is no way to that address: check the address and the network',
  'not-found': 'the name is not known: check how it is spelled, and the network',
  'not-tls': 'something answers there that does not speak TLS as a server of ours does: check the port',
  timeout: 'no answer came in time: check the address, the port and the firewalls in between',
}

const STOPPED: Words<StopCause> = {
  'server-changed': ({ address, pinned, seen }) =>
    `the server at ${address} shows another key than before. Either it was set up anew, or somebody stands between.\n` +
    `  pinned: ${pinned}\n  now:    ${seen}\n` +
    'Nothing was sent. Ask the operator for the fingerprint; if the new one is right, start once with ' +
    `--accept-server ${seen}`,
  'server-not-invited': ({ address, invited, seen }) =>
    `the server at ${address} is not the one that the invite link names.\n` +
    `  invited to: ${invited}\n  answered:   ${seen}\n` +
    'Nothing was sent. Ask for a new link.',
  'server-not-vouched': ({ address, host, seen }) =>
    `the server at ${address} shows a certificate that no authority vouches for under the name ${host}, as one did ` +
    'before. Either it was set up anew, or somebody stands between.\n' +
    `  now:    ${seen}\n` +
    'Nothing was sent. Ask the operator for the fingerprint; if it is this one, start once with ' +
    `--accept-server ${seen}; if the server has another name now, with --accept-server authority`,
  'no-server': () => 'no server is known: give its address',
  'handle-taken': ({ handle }) =>
    `the handle "${handle}" belongs to somebody else on this server: choose another`,
  'handle-reserved': ({ handle }) =>
    `the handle "${handle}" is kept for the server's operator: choose another`,
  'handle-invalid': ({ handle, rule }) => `the server does not take the handle "${handle}": ${rule}`,
  'not-registered': ({ handle }) => `the server does not take the handle "${handle}": update Parley`,
  'too-many-devices': ({ limit }) => `the account has ${limit} devices already, which is the limit`,
  'invite-needed': () => 'the server takes new accounts by invitation only: ask somebody there for a link',
  'invite-invalid': () => 'the invitation was used already, or is not of this server: ask for a new link',
  'registration-closed': () => 'the server takes no new accounts',
  superseded: () => 'this device is connected from another process, which took over the line',
  revoked: () =>
    'this device was revoked by its account: what is said from now on is not for it. If that was not you: "recover", ' +
    'with your 24 words, takes the account back',
  'left-out': ({ handle }) =>
    `the server does not list this device among those of ${handle}, and shows nothing signed that ends it: ask its operator`,
  'not-listed': ({ handle }) =>
    `no list of ${handle} names this device yet: start it with "link", or with "recover", and your 24 words`,
  'other-server-id': ({ address }) =>
    `the server at ${address} has another id than the one that your account is on: it was set up anew, or is another. ` +
    'Ask its operator; "recover" and your 24 words list your devices there.',
  banned: () => "the server's operator has banned this account or device",
  'protocol-version': ({ message }) => `${message}. Update Parley on this machine or on the server.`,
  'unknown-answer': () => 'the server answers in a way that this version does not know: update Parley',
  vault: ({ vault }) => vaultCause(vault),
  closed: () => 'it is closed',
}
