// How one stands with whom one writes to, in the words behind their handle and where nothing is sent.

import type { Endpoint, PersonHere } from '../endpoint/index.js'

const personOf = (endpoint: Endpoint, conversation: bigint): PersonHere | undefined =>
  endpoint.people().find(person => person.conversation === conversation)

/** Behind the name in the prompt, where no handle can end like this: verified, or nothing is sent there. */
export function standing(endpoint: Endpoint, conversation: bigint): string {
  const person = personOf(endpoint, conversation)
  if (person?.state === 'blocked' || person?.state === 'key-changed' || isOver(endpoint, conversation))
    return ' ✗'
  return person?.verified ? ' ✔' : ''
}

const isOver = (endpoint: Endpoint, conversation: bigint): boolean =>
  endpoint.conversations().some(({ number, kind }) => number === conversation && kind === 'room') &&
  endpoint.room(conversation).state === 'ended'

/** What a person is told whose line waits because of them, not of the network. */
export function whyNotSent(endpoint: Endpoint, conversation: bigint): string | undefined {
  const person = personOf(endpoint, conversation)
  if (person?.state === 'blocked')
    return `it waits here: you have blocked ${person.handle} (/unblock ${person.handle})`
  if (person?.state === 'key-changed')
    return `it waits here: the key of ${person.handle} has changed (/verify ${person.handle}, /accept ${person.handle})`
  return undefined
}
