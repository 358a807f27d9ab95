// Events of an endpoint in the words and shapes that a person reads.

import type { EndpointEvent, HistoryEntry, LineState, MessageId, MessageState } from '../../endpoint/index.js'
import type { Entry, Mark, MessageEntry } from '../../terminal/entry.js'
import { systemMessage, unreadable } from './history.js'
import { downCause } from './line.js'
import { notice as noticeText } from './notices.js'
import { peerName } from './words.js'

export const messageName = ({ conversation, message }: MessageId): string => `${conversation}.${message}`

const MARKS: Record<MessageState, Mark | undefined> = {
  waiting: 'waiting',
  stored: 'stored',
  delivered: 'delivered',
  failed: 'failed',
  received: undefined,
}

export const markOf = (state: MessageState): Mark | undefined => MARKS[state]

/** Nobody can show that they have said it. */
const asTold = (from: string, teller: string): string => `${from} (as ${teller} tells)`

/** One line of history. `named`: say whose conversation it is, because there are several. */
export function entryOf(entry: HistoryEntry, named: boolean): Entry {
  if (entry.kind === 'event')
    return {
      kind: 'notice',
      at: entry.sentAt,
      level: 'info',
      text: `${peerName(entry.peer)}: ${systemMessage(entry.system)}`,
    }
  if (entry.kind !== 'text') {
    const { text, remedy } = unreadable(entry.cause)
    const toDo = remedy ? ` (${remedy})` : ''
    const what = entry.kind === 'gap' ? 'missing' : 'cannot be read'
    return {
      kind: 'notice',
      at: entry.sentAt,
      level: 'warning',
      text: `${peerName(entry.peer)}, ${what}: ${text}${toDo}`,
    }
  }
  const mark = markOf(entry.state)
  const message: MessageEntry = {
    kind: 'message',
    id: messageName(entry.id),
    at: entry.sentAt,
    from: entry.hearsay === undefined ? entry.from : asTold(entry.from, entry.hearsay),
    own: entry.own,
    text: entry.text,
  }
  if (mark) message.mark = mark
  if (named && (entry.own || entry.peer !== entry.from)) message.to = entry.peer
  return message
}

/** The row above the input; '' while all is well. */
export function statusOf(line: LineState): string {
  switch (line.state) {
    case 'connecting':
      return 'connecting…'
    case 'down':
      return `line down, trying again in ${Math.ceil(line.retryInMs / 1000)} s: ${downCause(line.cause)}`
    case 'stopped':
      return 'not connected'
    case 'up':
      return ''
  }
}

type EventOf<T extends EndpointEvent['type']> = Extract<EndpointEvent, { type: T }>

function keyChangedWords({
  handle,
  pinned,
  seen,
  policy,
}: EventOf<'key-changed'>): ['warning' | 'error', string] {
  const keys = `known: ${pinned}\nnow:   ${seen}`
  if (policy === 'warn')
    return [
      'warning',
      `${handle} has another key than before; it is accepted, as --key-change says.\n${keys}`,
    ]
  return [
    'error',
    `${handle} has another key than before. Either they began anew, or this is somebody else who wants to ` +
      `read what is meant for them. Nothing is sent to them until you decide; what you write waits here.\n${keys}\n` +
      `Ask them by another way whether they began anew, and compare with /verify ${handle}. ` +
      `If it is them: /accept ${handle}`,
  ]
}

function contactWords({ handle, change }: EventOf<'contact'>): string {
  switch (change) {
    case 'accepted':
      return `the new key of ${handle} is accepted; it is not verified: /verify ${handle}`
    case 'verified':
      return `${handle} is verified ✔: should their key change, you are told and nothing is sent`
    case 'blocked':
      return `${handle} is blocked: nothing of theirs is shown, and they are told nothing. /unblock ${handle} ends it`
    case 'unblocked':
      return `${handle} is not blocked any more; what they wrote meanwhile is not here`
  }
}

function requestWords({ from, peer }: EventOf<'request'>): string {
  const what = peer === from ? 'asks to write to you' : `asks you into ${peer}`
  return `${from} ${what}, and hears nothing before you decide: /requests, /admit ${from} or /decline ${from}`
}

/** Events that are said once, as a notice; the others are messages, marks and states. */
export function noticeOf(event: EndpointEvent): Entry | undefined {
  const notice = (level: 'info' | 'warning' | 'error', text: string): Entry => ({
    kind: 'notice',
    at: new Date(),
    level,
    text,
  })
  switch (event.type) {
    case 'notice':
      return notice(event.level, noticeText(event.notice))
    case 'server-pinned':
      return notice(
        'info',
        `first contact with the server at ${event.address}; its key is pinned: ${event.fingerprint}`,
      )
    case 'contact-pinned':
      return notice('info', `first contact with ${event.handle}; their key is pinned: ${event.fingerprint}`)
    case 'key-changed':
      return event.policy === 'accept' ? undefined : notice(...keyChangedWords(event))
    case 'contact':
      return notice('info', contactWords(event))
    case 'request':
      return notice('info', requestWords(event))
    case 'presence':
      return notice('info', event.here ? `${event.handle} is here` : `${event.handle} has gone`)
    default:
      return undefined
  }
}
