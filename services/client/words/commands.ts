// Commands say and ask this. Their own rows say what they are for (commands/).

import type { RequestView, RoomView, Verification } from '../../endpoint/index.js'
import { newcomersSee } from './history.js'
import { counted, listed } from './words.js'

/** Behind the commands in /help. */
export const TYPED_LINES = [
  ['@HANDLE text', 'one line to HANDLE'],
  ['//text', 'a line that begins with /'],
] as const

export const WHOM_TO = 'whom? /to HANDLE, or /to #ROOM'
export const HOW_MANY_LINES = 'how many lines? /history 50'
export const WHOM = 'whom? Give a HANDLE'

// Devices.

export const deviceNamed = (name: string): string => `this device is called ${name} among yours`
export const WHICH_DEVICE = 'which one? /devices lists them; /revoke NUMBER'
export const WHICH_TO_GIVE = 'to which one? /devices lists them; /give-history NUMBER'
/** A device has the name that it gives itself. */
export const isCalled = (device: string, fingerprint: string): string => `${device} is ${fingerprint}`
export const endForGood = (device: string): string => `end ${device} for good? yes or no: `
export const NAMELESS = 'a device without a name'
export const giveForGood = (device: string, fingerprint: string): string =>
  `hand all that was said over to ${device}, ${fingerprint}? /devices there shows whether that is its own. yes or no: `
/** `others`: that wait as well, and would read along. */
export const historyGiven = (device: string, others: readonly string[]): string =>
  others.length === 0
    ? `${device} is handed your history`
    : `${device} is handed your history as soon as no other device waits for it: ${listed(others)} would read along. ` +
      '/give-history or /revoke'
export const deviceRevoked = (device: string): string =>
  `${device} is revoked: it reads nothing of what is said from now on`
/** `places`: of the words that are asked for, from 1. */
export const confirmWords = (places: readonly number[]): string =>
  `to confirm that you have your words, type words ${places.join(', ')}. "show" shows them all: whoever sees them can be ` +
  'you. Nothing: later: '
export const CONFIRM_LATER = 'not confirmed: they stay here'
export const WORDS_WRONG = 'that is not what they are'
export const WORDS_CONFIRMED = 'confirmed: the words are not kept on this device any more'

// The operator's.

export const FOR_THE_OPERATOR = "that is for the server's operator"
export const banned = (handle: string): string => `${handle} is banned`
export const bannedNoMore = (handle: string): string => `${handle} is not banned any more`
export const notBanned = (handle: string): string => `${handle} is not banned`
export const NOBODY_BANNED = 'nobody is banned'
export const banRow = (name: string, since: Date): string =>
  `${name}  since ${since.toISOString().slice(0, 10)}`

/** Somebody was held back from something, so often since the start. */
export interface HeldBack {
  kind:
    | 'connections'
    | 'calls'
    | 'silent-calls'
    | 'registrations'
    | 'lookups'
    | 'claims'
    | 'claims-of-one'
    | 'sends'
    | 'conversations'
    | 'storage'
  count: number
  lastAt: Date
  /** The subject of the last time: an address, or the fingerprint of an account or a device. */
  last: string
}

export const NOBODY_HELD_BACK = 'nobody was held back since the start'
const HELD_BACK: Record<HeldBack['kind'], string> = {
  connections: 'connections refused, of addresses with too many',
  calls: 'calls refused, of addresses with too many',
  'silent-calls': 'calls ended that said nothing',
  registrations: 'new devices refused, of addresses with too many',
  lookups: 'handles not looked up, of accounts with too many',
  claims: 'key packages not handed out, to accounts that claim too many',
  'claims-of-one':
    'claims answered with the key package of last resort, of accounts that claim one too often',
  sends: 'messages put off, of devices that send too fast',
  conversations: 'conversations put off, of accounts that begin too many',
  storage: 'messages put off, of accounts that have their part of the store',
}
export const abuseRow = ({ kind, count, lastAt, last }: HeldBack): string =>
  `${count} ${HELD_BACK[kind]}; the last: ${last}, ${lastAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`

// Rooms.

export const WHICH_ROOM = 'in which room? /to #NAME'
export const WHOM_TO_INVITE = 'whom? /invite HANDLE'
export const WHOM_TO_REMOVE = 'whom? /remove HANDLE'
export const HOW_MANY_DAYS = 'how many days? /newcomers 7, or /newcomers 0 for nothing'

const TRUST = {
  pinned: '',
  verified: ' ✔',
  other: ' (who only claims this handle: it may be somebody else)',
}

export function memberRows({ topic, historyDays, members }: RoomView): string[] {
  const rows = members.map(
    ({ handle, isAdmin, devices, trust }) =>
      `${handle}${TRUST[trust]}${isAdmin ? ', admin' : ''}${devices > 1 ? `, ${devices} devices` : ''}`,
  )
  return [...(topic ? [`topic: ${topic}`] : []), newcomersSee(historyDays), ...rows]
}

// Others, and whether they are who they say.

/** Groups of digits in a row: 23 characters, which fit a narrow terminal. */
const GROUPS_PER_ROW = 4

export function safetyNumber(
  { number, isNew, isVerified }: Verification,
  { own, handle }: { own: string; handle: string },
): string {
  const groups = number.split(' ')
  const rows = Array.from({ length: groups.length / GROUPS_PER_ROW }, (_, row) =>
    groups.slice(row * GROUPS_PER_ROW, (row + 1) * GROUPS_PER_ROW).join(' '),
  )
  const next = isNew ? `/accept ${handle} and /verified ${handle}` : `/verified ${handle}`
  return [
    `safety number with ${handle}${isNew ? ', with their new key' : ''}${isVerified ? ', verified ✔' : ''}:`,
    ...rows,
    `Compare it by another way than this chat: where you see ${handle}, or hear a voice that you know. ` +
      `There it is shown by /verify ${own}. The same on both sides: ${next}. ` +
      'Not the same: somebody reads along, so write nothing that matters.',
  ].join('\n')
}

export const NO_REQUESTS = 'nobody waits to be let in'

/** /requests shows so many lines of each stranger. */
const SHOWN_LINES = 3

export function requestRows({ peer, from, lines }: RequestView): string[] {
  const texts = lines.flatMap(({ kind, text }) => (kind === 'text' ? [text] : []))
  const more = texts.length - SHOWN_LINES
  return [
    peer === from ? from : `${from}, into ${peer}`,
    ...texts.slice(0, SHOWN_LINES).map(text => `  ${text}`),
    ...(more > 0 ? [`  and ${counted(more, 'more line')}`] : []),
  ]
}

/** In answer to /accept. */
export const compareFirst = (handle: string): string =>
  `nothing is accepted yet: compare this, then /accept ${handle}`

export const FOR_ONE_ACCOUNT = 'for one new account, or somebody who has one already:'
export const FOR_ANYBODY =
  'whoever follows it knows this server and you by your keys. Where new accounts need a token, ask the operator:'
export const NO_SERVER_YET = 'no server is known yet'
export const addressIsEnough = (host: string, port: number): string =>
  `this server is known by an authority's certificate: its address ${host}:${port} is enough`

// The doctor.

export const LOOKING = 'looking; repairs may take some seconds'

export function doctorSummary({ wrong, repaired }: { wrong: number; repaired: number }): string {
  return `${wrong === 0 ? 'nothing is wrong' : `${wrong} wrong`}${repaired > 0 ? `, ${repaired} repaired` : ''}`
}

/** A finding, what was done about it, and what is left to do, in one row. */
export const findingParts = (found: string, did: string | undefined, remedy: string | undefined): string =>
  [found, ...(did ? [`done: ${did}`] : []), ...(remedy ? [`to do: ${remedy}`] : [])].join('; ')
