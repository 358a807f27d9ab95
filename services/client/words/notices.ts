// What a person should know, and loses nothing by.

import type { JoinRefusal, Notice, Rejection, WhyNot } from '../../endpoint/codes/notice.js'
import type { MlsCause } from '../../endpoint/mls/refused.js'
import { expired } from './history.js'

export function notice(said: Notice): string {
  switch (said.code) {
    case 'server-full':
      return "the server's disk is full: it takes no messages for now; yours wait here"
    case 'not-opened':
      return `${said.peer} could not be opened: ${rejection(said.why)}. ${
        said.isRoom ? 'Make it again when that has changed' : 'What you write waits here; it is tried again'
      }`
    case 'not-added':
      return `${said.handle} was not added to ${said.peer}: ${whyNot(said.why)}`
    case 'not-changed':
      return said.why.code === 'rejected'
        ? `the change of ${said.peer} was refused: ${whyNot(said.why)}`
        : `a change of ${said.peer} is not possible: ${whyNot(said.why)}`
    case 'welcome-expired':
      return `of a conversation that somebody opened with you: ${expired(said.count)}. Ask whom you expect to hear from`
    case 'other-devices':
      return `the server delivers ${said.peer} to other devices than its members agreed to`
    case 'invitation-refused':
      return `an invitation to a conversation was not taken: ${joinRefusal(said.why)}`
    case 'copy-put-back':
      return 'what is kept here is older than what this device has sent (was a copy put back?): its conversations are joined anew'
    case 'impostor':
      return `somebody else goes by ${said.handle} towards you, with a key that is not theirs: it is not taken for ${said.handle}`
    case 'account-unknown':
      return (
        `nobody went by ${said.handle} on this server before: the account begins anew here. ` +
        'If you have other devices, this is another server or handle than theirs, or a wrong word'
      )
    case 'absent':
      return `${said.peer} is not on this server yet: what you write waits here until they are`
  }
}

const REJECTIONS: Partial<Record<Rejection, string>> = {
  'too-many-members': 'it has too many devices for this server',
  'too-many-conversations': 'one of you has as many conversations as this server allows',
  'unknown-device': 'a device in it is not registered',
  unknown: 'the server refuses it (for a reason that is not known here)',
}

const rejection = (why: Rejection): string => REJECTIONS[why] ?? `the server refuses it (${why})`

const IMPOSSIBLE: Partial<Record<MlsCause, string>> = {
  policy: 'its members would refuse it',
  'too-many-members': 'it has as many devices as there can be',
  'already-member': 'a device is in it already',
  'no-usable-key-package': 'none of their devices can be added',
}

const NOT_ADDED = {
  nobody: 'nobody goes by this handle here',
  'no-device': 'none of their devices can be reached yet',
  'key-changed': 'their key has changed',
}

function whyNot(why: WhyNot): string {
  if (why.code === 'rejected') return rejection(why.rejection)
  return why.code === 'impossible' ? (IMPOSSIBLE[why.cause] ?? why.cause) : NOT_ADDED[why.code]
}

const JOIN_REFUSALS = {
  'other-conversation': 'it leads to another conversation than the server said',
  'bad-settings': 'its settings are not what a client of this version writes',
  'foreign-account': 'it is for the devices of one account, and another one is in it',
  'not-two-people': 'it is not between two people',
  'own-handle': 'somebody in it goes by your handle',
}

function joinRefusal(why: JoinRefusal): string {
  switch (why.code) {
    case 'too-many-attempts':
      return `it could not be opened in ${why.attempts} attempts`
    case 'against-rules':
      return `${why.from} has changed it against its rules`
    case 'mls':
      return `refused: ${why.cause}`
    default:
      return JOIN_REFUSALS[why.code]
  }
}
