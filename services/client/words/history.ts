// The lines of a history that nobody wrote: what happened in a room, what cannot be read, what is missing.

import type { SendFailure, SystemMessage, Unreadable } from '../../endpoint/index.js'
import { counted, listed, say, type Words } from './words.js'

export const systemMessage = (said: SystemMessage): string => say(SYSTEM_MESSAGES, said)

const NEWER = 'a newer version of Parley has noted something here: update to read it'

const SYSTEM_MESSAGES: Words<SystemMessage> = {
  'members-added': ({ by, who }) => `${by} added ${listed(who)}`,
  'members-removed': ({ by, who }) => `${by} removed ${listed(who)}`,
  'members-left': ({ who }) => `${listed(who)} left`,
  'device-added': ({ who }) => `${who} has another device here`,
  'own-device-added': () => 'another device has joined your account: /devices lists them',
  'device-rejoins': ({ who }) => `a device of ${who} has lost this conversation and is taken in again`,
  joined: ({ others, topic, historyDays }) =>
    `you are in the room with ${listed(others)}${topic ? `; topic: ${topic}` : ''}; ${newcomersSee(historyDays)}`,
  'went-on': () =>
    'the room goes on, sealed anew: a change that nobody could take had stopped it, or not all had come along',
  'begun-without-you': ({ who }) =>
    `${listed(who)} had begun a group in place of this room that did not let you in`,
  'not-along': ({ who }) =>
    `${who} has not come along to where this room goes on, and may not read what is said here: ask them another way`,
  'you-left': () => 'you have left',
  'you-were-removed': ({ who }) => `${who} removed you`,
  'room-named': ({ by, name }) => `${by} named the room "${name}"`,
  'topic-set': ({ by, topic }) => (topic ? `${by} set the topic: ${topic}` : `${by} removed the topic`),
  'newcomers-decided': ({ by, days }) => `${by} decided: ${newcomersSee(days)}`,
  'admin-made': ({ by, who }) => `${by} made ${listed(who)} an admin`,
  'admin-followed': ({ who }) => `${listed(who)} is an admin now: the last one has left`,
  'admin-unmade': ({ who }) => `${listed(who)} is no admin any more`,
  'admins-made-meanwhile': ({ who }) => `made an admin while you were not in it: ${listed(who)}`,
  'history-from-device': ({ lines, device }) =>
    `${counted(lines, 'line')} of history from your device ${device}`,
  'history-from-member': ({ lines, from }) => `${counted(lines, 'line')} of history handed over by ${from}`,
  newer: () => NEWER,
}

/** A room's rule on its history, as new members feel it. */
export function newcomersSee(days: number): string {
  if (days === 0) return 'new members see nothing of what was said before'
  return `new members are handed what was said in the last ${counted(days, 'day')}`
}

interface Explained {
  text: string
  /** Says what a person can do about it; '' where there is nothing. */
  remedy: string
}

/** Why something cannot be read, or what is missing. */
export const unreadable = (why: Unreadable): Explained => say(UNREADABLE, why)

const ASK_AGAIN = 'ask for it to be sent again'

const UNREADABLE: Words<Unreadable, Explained> = {
  'old-epoch': () => ({
    text: 'sealed with keys that are older than this device keeps',
    remedy: ASK_AGAIN,
  }),
  'future-epoch': () => ({
    text: 'sealed with keys that this device does not have: it missed a change of the conversation',
    remedy: 'the sender can open a new conversation with you',
  }),
  refused: ({ cause }) => ({
    text: `refused (${cause}): it was altered on its way or made by a faulty client`,
    remedy: ASK_AGAIN,
  }),
  'other-kind': () => ({
    text: 'it is not of the kind that the server said',
    remedy: 'tell the server’s operator',
  }),
  'bad-content': ({ from }) => ({
    text: 'its content is not what a client of this version writes',
    remedy: `ask ${from} which client made it`,
  }),
  'unknown-content': () => ({ text: 'it was made by a newer version', remedy: 'update Parley to read it' }),
  expired: ({ count }) => ({ text: expired(count), remedy: ASK_AGAIN }),
  gap: ({ from, count }) => ({
    text: `${count} of what ${from} sent before this did not arrive`,
    remedy: 'it is asked for again',
  }),
  forked: ({ from }) => ({
    text: `${from} was shown another course of this conversation than this device: the server drops, adds or reorders`,
    remedy: 'compare what you see with them by another way, and ask the operator',
  }),
  'unknown-echo': () => ({
    text: 'the server says that this device sent something here, but it did not: the server lies, or a copy of this folder is in use',
    remedy: 'use one copy alone; if there is none, ask the operator',
  }),
  'not-signed': () => ({
    text: 'a change of the conversation that no member has signed: the server made it up; here everything stayed as it was',
    remedy: 'tell the others by another way, and ask the operator',
  }),
  'against-rules': ({ from }) => ({
    text: `${from} changed it in a way that its rules do not allow them; here it stays as it was`,
    remedy: `an admin can remove ${from}; it goes on by itself in some seconds`,
  }),
  'not-in-use': ({ from }) => ({
    text: `held back: it is of a device that ${from} does not have in use any more, or ${from} is not in the room`,
    remedy: `ask ${from} by another way`,
  }),
  newer: () => ({ text: NEWER, remedy: '' }),
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
