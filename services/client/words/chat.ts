// A person at a terminal: what the chat answers to what they type.

import type { DownCause, SendFailure } from '../../endpoint/index.js'
import { sendFailure } from './history.js'
import { downCause } from './line.js'
import { badHandle } from './typed.js'

export const THAT_IS_YOU = 'that is you'
export const WITH_WHOM = 'with whom? /to HANDLE'
export const TO_WHOM = 'not sent: to whom? /to HANDLE, or @HANDLE text. ↑ brings the line back'

export const nothingSaid = (title: string): string => `nothing was said with ${title} yet`

export const noRoom = (name: string): string => `there is no room ${name}: /who lists what there is`

export const noCommand = (name: string): string => `there is no /${name}: /help lists what there is`

export const notSent = (why: string): string => `not sent: ${why}. ↑ brings the line back`

/** Of a line of a script. */
export const notKept = (why: string): string => `not sent: ${why}`

export const notSentTo = (handle: string): string => `not sent: ${badHandle(handle)} ↑ brings the line back`

export const failed = (peer: string, failure: SendFailure): string =>
  `a message to ${peer} was not sent: ${sendFailure(failure)}`

export const lineDown = (why: DownCause): string =>
  `the line to the server is down: ${downCause(why)}. It is tried again by itself; what you write waits here`

/** `isFirst`: it was not up before. */
export const lineUp = (isFirst: boolean): string => (isFirst ? 'connected' : 'the line to the server is up')

export const NEW_PASSPHRASE = 'new passphrase (empty: none): '
export const ONCE_MORE = 'once more: '
export const LEFT_AS_IT_WAS = 'left as it was'
export const TWO_DIFFER = 'the two differ: left as it was'

export const passphraseSet = (isNone: boolean): string =>
  isNone ? 'there is no passphrase now' : 'the passphrase is set; it is asked for at the next start'
