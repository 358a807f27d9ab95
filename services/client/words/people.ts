// People and rooms that one writes to: how one stands with them, who is here, and by which keys they are known.

import type { AccountKey, ConversationNumber, Endpoint, PersonHere } from '../../endpoint/index.js'
import { accountFingerprint, formatFingerprint } from '../../protocol/identity/fingerprint.js'
import { nodeCrypto } from '../../protocol/node/crypto.js'
import { minute } from './words.js'

/** Enough of an endpoint to say how one stands with those in one conversation. */
export type Standing = Pick<Endpoint, 'person' | 'conversation' | 'room'>

/** Behind the name in the prompt, where no handle can end like this: verified, or nothing is sent there. */
export function trustMark(endpoint: Standing, conversation: ConversationNumber): string {
  const person = endpoint.person(conversation)
  if (person?.state === 'blocked' || person?.state === 'key-changed' || isOver(endpoint, conversation))
    return ' ✗'
  return person?.verified ? ' ✔' : ''
}

const isOver = (
  endpoint: Pick<Standing, 'conversation' | 'room'>,
  conversation: ConversationNumber,
): boolean =>
  endpoint.conversation(conversation)?.kind === 'room' && endpoint.room(conversation).state === 'ended'

/** For a person whose line waits because of them, not of the network. */
export function whyNotSent(
  endpoint: Pick<Standing, 'person'>,
  conversation: ConversationNumber,
): string | undefined {
  const person = endpoint.person(conversation)
  if (person?.state === 'blocked')
    return `it waits here: you have blocked ${person.handle} (/unblock ${person.handle})`
  if (person?.state === 'key-changed')
    return `it waits here: the key of ${person.handle} has changed (/verify ${person.handle}, /accept ${person.handle})`
  return undefined
}

const STATES = {
  ready: '',
  opening: ', conversation is being opened',
  'key-changed': ', key changed: nothing is sent',
}

/** /who */
export function whoRows(endpoint: Pick<Endpoint, 'people' | 'conversations' | 'room'>): string[] {
  const people = endpoint.people()
  const rooms = endpoint.conversations().filter(({ kind }) => kind === 'room')
  if (people.length + rooms.length === 0) return ['nobody yet: give somebody the invite link']
  const width = Math.max(
    ...people.map(({ handle }) => handle.length),
    ...rooms.map(({ peer }) => peer.length),
  )
  return [
    ...people.map(person => `${person.handle.padEnd(width)}  ${personWords(person)}`),
    ...rooms.map(({ peer, number }) => {
      const { members, state } = endpoint.room(number)
      return `${peer.padEnd(width)}  ${state === 'ended' ? 'you are not in it any more' : `room of ${members.length}`}`
    }),
  ]
}

function personWords({ here, lastHeard, state, verified }: PersonHere): string {
  if (state === 'blocked') return 'blocked'
  const heard = lastHeard ? `last heard ${minute(lastHeard)}` : 'never heard'
  return `${here ? 'here' : 'away'}, ${heard}${verified ? ', verified' : ''}${STATES[state]}`
}

const fingerprintOf = (accountKey: AccountKey): string =>
  formatFingerprint(accountFingerprint(nodeCrypto, accountKey))

/** /keys */
export function fingerprintRows(endpoint: Pick<Endpoint, 'server' | 'account' | 'contacts'>): string[] {
  const [server, account] = [endpoint.server(), endpoint.account()]
  const shown = server?.fingerprint ? formatFingerprint(server.fingerprint) : 'certificate of an authority'
  return [
    ...(server ? [`server ${server.host}:${server.port}  ${shown}`] : []),
    ...(account ? [`you    ${account.handle}  ${fingerprintOf(account.accountKey)}`] : []),
    ...endpoint.contacts().map(({ handle, accountKey }) => `person ${handle}  ${fingerprintOf(accountKey)}`),
  ]
}
