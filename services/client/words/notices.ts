// Notices: a person should know, and loses nothing by it.

import type { AnswerFault, JoinRefusal, MlsCause, Notice, Rejection, WhyNot } from '../../endpoint/index.js'
import { expired } from './history.js'
import { peerName, say, type Words } from './words.js'

export const notice = (said: Notice): string => say(NOTICES, said)

const NOTICES: Words<Notice> = {
  'account-full': () =>
    'the server keeps no more of your messages before others have received some; yours wait here',
  'server-full': () => "the server's disk is full: it takes no messages for now; yours wait here",
  'not-opened': ({ peer, isRoom, why }) =>
    `${peerName(peer)} could not be opened: ${rejection(why)}. ${
      isRoom ? 'Make it again when that has changed' : 'What you write waits here; it is tried again'
    }`,
  'not-added': ({ handle, peer, why }) =>
    `${handle} was not added to ${peerName(peer)}: ${say(WHY_NOT, why)}`,
  'not-changed': ({ peer, why }) =>
    why.code === 'rejected'
      ? `the change of ${peerName(peer)} was refused: ${say(WHY_NOT, why)}`
      : `a change of ${peerName(peer)} is not possible: ${say(WHY_NOT, why)}`,
  'welcome-expired': ({ count }) =>
    `of a conversation that somebody opened with you: ${expired(count)}. Ask whom you expect to hear from`,
  'other-devices': ({ peer }) =>
    `the server delivers ${peerName(peer)} to other devices than its members agreed to`,
  'invitation-refused': ({ why }) =>
    `an invitation to a conversation was not taken: ${say(JOIN_REFUSALS, why)}`,
  'copy-put-back': () =>
    'what is kept here is older than what this device has sent (was a copy put back?): it renews its keys in each conversation before it says anything there',
  impostor: ({ handle }) =>
    `somebody else goes by ${handle} towards you, with a key that is not theirs: it is not taken for ${handle}`,
  'account-unknown': ({ handle }) =>
    `nobody went by ${handle} on this server before: the account begins anew here. ` +
    'If you have other devices, this is another server or handle than theirs, or a wrong word',
  'left-out': ({ handle }) =>
    `the server shows an older list of the devices of ${handle} than this device knows, or does not list it: ask its operator`,
  'lists-forked': ({ handle }) =>
    `there are several lists of the devices of ${handle}: the 24 words were used twice at once. Only devices on all of them count`,
  'other-list': ({ from }) =>
    `${from} is shown another list of your devices than this device is: either the server hides one from you, which somebody with ` +
    'your 24 words has signed, or they say so falsely. Compare /devices with what they see',
  'history-asked': ({ device, fingerprint }) =>
    `a new device of yours${device && `, ${device},`} waits for your history: ${fingerprint}. Is it yours? /give-history and ` +
    'its number in /devices hands all of it over; if it is not, somebody has your 24 words: /revoke it',
  'history-awaited': () =>
    'this device waits for your history: /give-history at one that has it, and on, hands it over',
  'other-directory-key': () =>
    'the key with which the server signs its answers about handles is another one than before, or than the invite link names. The new one is not taken: ask its operator',
  'server-anew': () =>
    'this server has another id than before, and other keys for its answers about handles: it was set up anew, or somebody stands between. What it says of people is taken from here on: ask its operator, and compare with /verify',
  'other-operator': ({ known, told }) =>
    `the server says that its operator is ${told} now. Nothing goes to them that you do not send to them: ${known} stays who is written to at first. Ask ${known}`,
  'answers-dropped': ({ why, handle, count }) =>
    `the server's answer about ${handle}${count > 1 ? ` and ${count - 1} more` : ''} is not taken: ${ANSWER_FAULTS[why]}`,
  absent: ({ peer }) => `${peer} is not on this server yet: what you write waits here until they are`,
}

const ANSWER_FAULTS: Readonly<Record<AnswerFault, string>> = {
  'not-signed': 'it is not signed by the key that the server signs such answers with',
  'other-answer': 'the server has signed another one than it shows',
  'other-time': 'it was signed at another time (is the clock of this machine right?)',
}

const WHY_NOT: Words<WhyNot> = {
  rejected: why => rejection(why.rejection),
  impossible: ({ cause }) => IMPOSSIBLE[cause] ?? cause,
  nobody: () => 'nobody goes by this handle here',
  'no-device': () => 'none of their devices can be reached yet',
  'key-changed': () => 'their key has changed',
  'handle-twice': () => 'somebody else in it goes by this handle',
}

const REJECTIONS: Partial<Record<Rejection, string>> = {
  'too-many-members': 'it has too many devices for this server',
  'too-many-conversations': 'one of you has as many conversations as this server allows',
  succeeded: 'it goes on in another group',
  'too-many-successors': 'this account has begun it anew within a minute',
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

const JOIN_REFUSALS: Words<JoinRefusal> = {
  'too-many-attempts': ({ attempts }) => `it could not be opened in ${attempts} attempts`,
  'other-conversation': () => 'it leads to another conversation than the server said',
  'not-right': () => 'somebody is in it whom its own record of members, or a list of devices, does not name',
  'own-handle': () => 'somebody in it goes by your handle',
  'not-theirs': () =>
    'it is to take the place of a conversation that you have, and is not made by its members',
  'handle-twice': ({ handle }) => `two accounts in it go by ${handle}`,
  'not-signed': () => 'nobody in it has signed it: the server made it up',
  mls: ({ cause }) => `refused: ${cause}`,
}
