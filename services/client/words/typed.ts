// Mistakes in what a person typed: a handle, an address or an invite link, the words of an account.

import { PHRASE_WORDS, type RecoveryPhraseCause } from '../../protocol/identity/recovery-phrase.js'
import type { InviteCause } from '../../protocol/invite/address.js'
import { say, type Words } from './words.js'

export const HANDLE_RULE =
  "A handle has 1 to 32 characters out of a-z, 0-9, '-', '_' and '.', and begins with a letter or a digit."

export const badHandle = (handle: string): string => `"${handle}" is not a handle. ${HANDLE_RULE}`

export const inviteCause = (why: InviteCause): string => say(INVITE, why)

const cutOff = (what: string) => `The ${what} in the invite link is cut off or mistyped.`

const INVITE: Words<InviteCause> = {
  'bad-address': () => 'An address is HOST:PORT; an IPv6 host stands in brackets, [::1]:5000.',
  'bad-brackets': () => 'What stands between the brackets is not an IPv6 address.',
  'no-host': () => 'The host is missing: an address is HOST:PORT.',
  'bad-host': () => "The host is neither a host's name nor an IP address.",
  'bad-port': ({ highest }) => `The port is not a number from 1 to ${highest}.`,
  'not-a-link': ({ scheme }) => `An invite link begins with ${scheme}.`,
  'link-too-long': () => 'The invite link is too long.',
  'bad-link': () => 'The invite link is not of the form parley://HOST:PORT/?s=...',
  'no-server-key': () => "The invite link lacks the server's fingerprint (s=...). Was it cut off?",
  repeated: ({ parameter }) => `The invite link has "${parameter}=" more than once.`,
  'bad-server-key': () => cutOff("server's fingerprint (s=...)"),
  'bad-inviter': () => `The invite link has no proper handle in i=... ${HANDLE_RULE}`,
  'bad-inviter-key': () => cutOff("inviter's fingerprint (i=...)"),
  'bad-token': () => cutOff('token (t=...)'),
}

export const phraseCause = (why: RecoveryPhraseCause): string => say(PHRASE, why)

const PHRASE: Words<RecoveryPhraseCause> = {
  length: ({ words }) =>
    `A recovery phrase has ${PHRASE_WORDS} words; ${words === undefined ? 'this text is much longer' : `these are ${words}`}.`,
  'unknown-word': ({ positions }) => {
    const list = new Intl.ListFormat('en').format(positions.map(String))
    const [first, verb] = positions.length === 1 ? ['Word', 'is'] : ['Words', 'are']
    return `${first} ${list} ${verb} not on the list of words: compare the spelling.`
  },
  checksum: () =>
    `All ${PHRASE_WORDS} words are on the list, but they do not fit together: one is another word, or two changed places.`,
}
