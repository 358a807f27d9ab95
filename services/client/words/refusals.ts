// Why what a person asked for cannot be done.

import type { RefusalCause } from '../../endpoint/index.js'
import { badHandle } from './typed.js'
import { listed, say, type Words } from './words.js'

export const refusal = (why: RefusalCause): string => say(REFUSALS, why)

const REFUSALS: Words<RefusalCause> = {
  'text-too-long': ({ bytes, limit }) =>
    `the message is ${bytes} bytes long; the limit is ${limit} bytes: send it in parts`,
  'bad-handle': ({ handle }) => badHandle(handle),
  'own-handle': ({ handle }) => `"${handle}" is your own handle`,
  'not-a-room': () => 'this is not a room',
  'not-in-room': ({ peer }) => `you are not in ${peer} any more`,
  'not-an-admin': ({ admins }) => `that is for the room's admins: ${listed(admins)}`,
  'already-a-member': ({ handle }) => `${handle} is in the room already`,
  'not-a-member': ({ handle }) => `${handle} is not in the room`,
  'cannot-remove-yourself': () => 'that is you: /leave',
  'not-registered': () => 'no server has taken your account in yet: try again when the line is up',
  'only-admin': () => 'a room needs an admin: make somebody else one first',
  'bad-room-name': ({ characters }) => `a room's name has 1 to ${characters} characters`,
  'topic-too-long': ({ characters }) => `a topic has at most ${characters} characters`,
  'bad-days': ({ limit }) => `days of history are a whole number from 0 to ${limit}`,
  'no-request': ({ handle }) => `nobody called ${handle} waits to be let in: /requests lists who does`,
  'key-changed': ({ handle }) => `the key of ${handle} has changed: accept it first, if it is theirs`,
  'key-not-changed': ({ handle }) => `the key of ${handle} has not changed`,
  'key-unknown': ({ handle }) => `the key of ${handle} is not known yet: it is pinned at the first contact`,
  'key-swapped': ({ handle, shown, seen }) =>
    `nothing is decided: ${handle} has another key by now than the one that you were shown.\n` +
    `shown: ${shown}\nnow:   ${seen}\nCompare it anew with /verify ${handle}`,
  'already-blocked': ({ handle }) => `${handle} is blocked already`,
  'not-blocked': ({ handle }) => `${handle} is not blocked`,
  'not-your-device': () => 'this is not one of your devices',
  'this-device': () => 'that is this device: say it at another one',
  'already-revoked': () => 'this device is revoked already',
  'has-history': () => 'that device does not wait for your history',
  'device-ahead': () =>
    'that device is ahead of this one in the list, and cannot be ended from here: use `recover`, with your 24 words',
  'other-words': () => 'these words are of another account',
  'no-words': () => 'the words of your account are not kept here: you have them on paper',
  'bad-device-name': ({ characters }) => `a device's name has 1 to ${characters} characters`,
}
