// The lines of a history that nobody wrote: what happened in a room, what cannot be read, what is missing.

import type { SendFailure } from '../../endpoint/codes/send-failure.js'
import type { SystemMessage } from '../../endpoint/codes/system-message.js'
import type { Unreadable } from '../../endpoint/codes/unreadable.js'

const listed = (names: readonly string[]) => names.join(', ')

export function systemMessage(said: SystemMessage): string {
  switch (said.code) {
    case 'members-added':
      return `${said.by} added ${listed(said.who)}`
    case 'members-removed':
      return `${said.by} removed ${listed(said.who)}`
    case 'members-left':
      return `${listed(said.who)} left`
    case 'device-added':
      return `${said.who} has another device here`
    case 'own-device-added':
      return 'another device has joined your account: /devices lists them'
    case 'device-rejoins':
      return `a device of ${said.who} has lost this conversation and is taken in again`
    case 'joined':
      return `you are in the room with ${listed(said.others)}${said.topic ? `; topic: ${said.topic}` : ''}; ${newcomersSee(said.historyDays)}`
    case 'you-left':
      return 'you have left'
    case 'you-were-removed':
      return `${said.who} removed you`
    default:
      return settingsMessage(said)
  }
}

type Settings = Exclude<
  SystemMessage,
  {
    code:
      | `members-${string}`
      | 'device-added'
      | 'own-device-added'
      | 'device-rejoins'
      | 'joined'
      | `you-${string}`
  }
>

function settingsMessage(said: Settings): string {
  switch (said.code) {
    case 'room-named':
      return `${said.by} named the room "${said.name}"`
    case 'topic-set':
      return said.topic ? `${said.by} set the topic: ${said.topic}` : `${said.by} removed the topic`
    case 'newcomers-decided':
      return `${said.by} decided: ${newcomersSee(said.days)}`
    case 'admin-made':
      return `${said.by} made ${listed(said.who)} an admin`
    case 'admin-unmade':
      return `${listed(said.who)} is no admin any more`
    case 'admins-made-meanwhile':
      return `made an admin while you were not in it: ${listed(said.who)}`
    case 'history-from-device':
      return `${lines(said.lines)} of history from your device ${said.device}`
    case 'history-from-member':
      return `${lines(said.lines)} of history handed over by ${said.from}`
    case 'newer':
      return NEWER
  }
}

const NEWER = 'a newer version of Parley has noted something here: update to read it'

const lines = (count: number) => `${count} ${count === 1 ? 'line' : 'lines'}`

/** What a room's rule on its history means to new members. */
export function newcomersSee(days: number): string {
  if (days === 0) return 'new members see nothing of what was said before'
  return `new members are handed what was said in the last ${days} ${days === 1 ? 'day' : 'days'}`
}

const ASK_AGAIN = 'ask for it to be sent again'

export interface Explained {
  text: string
  /** What a person can do about it. */
  remedy: string
}

/** Why something cannot be read, or what is missing. */
export function unreadable(why: Unreadable): Explained {
  switch (why.code) {
    case 'old-epoch':
      return { text: 'sealed with keys that are older than this device keeps', remedy: ASK_AGAIN }
    case 'future-epoch':
      return {
        text: 'sealed with keys that this device does not have: it missed a change of the conversation',
        remedy: 'the sender can open a new conversation with you',
      }
    case 'refused':
      return {
        text: `refused (${why.cause}): it was altered on its way or made by a faulty client`,
        remedy: ASK_AGAIN,
      }
    case 'other-kind':
      return {
        text: 'it is not of the kind that the server said',
        remedy: 'tell the server’s operator',
      }
    case 'bad-content':
      return {
        text: 'its content is not what a client of this version writes',
        remedy: `ask ${why.from} which client made it`,
      }
    case 'unknown-content':
      return { text: 'it was made by a newer version', remedy: 'update Parley to read it' }
    case 'newer':
      return { text: NEWER, remedy: '' }
    default:
      return missing(why)
  }
}

type Missing = Extract<Unreadable, { code: 'against-rules' | 'expired' | 'gap' | 'forked' }>

function missing(why: Missing): Explained {
  switch (why.code) {
    case 'expired':
      return { text: expired(why.count), remedy: ASK_AGAIN }
    case 'gap':
      return {
        text: `${why.count} of what ${why.from} sent before this did not arrive`,
        remedy: 'it is asked for again',
      }
    case 'forked':
      return {
        text: `${why.from} was shown another course of this conversation than this device: the server drops, adds or reorders`,
        remedy: 'compare what you see with them by another way, and ask the operator',
      }
    case 'against-rules':
      return {
        text: `${why.from} changed it in a way that its rules do not allow them; here it stays as it was`,
        remedy: `go on in a new room, without ${why.from}: this one may soon take no more messages`,
      }
  }
}

export const expired = (count: bigint): string =>
  `${count} envelopes were deleted from the server before this device came for them`

const FAILURES: Record<SendFailure, string> = {
  'too-large': 'the server finds it too large',
  malformed: 'the server finds that it breaks a rule: update Parley on this machine or on the server',
  'not-in-room': 'you are not in the room any more',
  uncertain: 'whether it was sent is not known here: a copy of what is kept was put back',
}

export const sendFailure = (failure: SendFailure): string => FAILURES[failure]
