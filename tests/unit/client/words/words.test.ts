// Every code in the words that a person reads. The sentences here have been read before: a change is meant.

import { describe, expect, test } from '@jest/globals'
import { vaultCause } from '../../../../services/client/words/errors.js'
import { entryOf } from '../../../../services/client/words/events.js'
import { sendFailure, systemMessage, unreadable } from '../../../../services/client/words/history.js'
import { downCause, stopCause } from '../../../../services/client/words/line.js'
import { notice } from '../../../../services/client/words/notices.js'
import { refusal } from '../../../../services/client/words/refusals.js'
import { inviteCause, phraseCause } from '../../../../services/client/words/typed.js'
import { conversationNumber, messageNumber, sequenceOf } from '../../../../services/endpoint/ids.js'
import { type HistoryEntry, OWN_DEVICES } from '../../../../services/endpoint/index.js'
import {
  DOWN,
  INVITE,
  JOIN_REFUSALS,
  NOTICES,
  PHRASE,
  REFUSALS,
  STOPPED,
  SYSTEM_MESSAGES,
  UNREADABLE,
  VAULT,
  WHY_NOT,
} from '../../../support/coded.js'

/** The words for each code. */
const saidFor = <Coded, Said>(samples: Record<string, Coded>, say: (coded: Coded) => Said) =>
  Object.fromEntries(Object.entries(samples).map(([code, coded]) => [code, say(coded)]))

test('of what somebody tells, a line says who does', () => {
  const line: HistoryEntry = {
    ...{
      id: { conversation: conversationNumber(1n), message: messageNumber(1n) },
      peer: '#tea',
      from: 'bob',
    },
    ...{
      own: false,
      text: 'hi',
      sentAt: new Date(0),
      state: 'received',
      sequence: sequenceOf(1n),
      kind: 'text',
    },
  }
  expect(entryOf(line, false)).toMatchObject({ from: 'bob' })
  expect(entryOf({ ...line, hearsay: 'carol' }, false)).toMatchObject({
    from: 'bob (as carol tells)',
    text: 'hi',
  })
})

test('what is said of the own devices names them as a person does', () => {
  const line: HistoryEntry = {
    ...{
      id: { conversation: conversationNumber(1n), message: messageNumber(1n) },
      peer: OWN_DEVICES,
      from: '',
    },
    ...{ own: false, text: '', sentAt: new Date(0), state: 'received', sequence: sequenceOf(1n) },
    ...{ kind: 'event', system: { code: 'own-device-added' } },
  }
  expect(entryOf(line, true)).toMatchObject({ text: expect.stringMatching(/^your devices: /) })
})

describe('the words', () => {
  test('of system messages', () => {
    expect(saidFor(SYSTEM_MESSAGES, systemMessage)).toEqual({
      'members-added': 'alice added bob, carol',
      'members-removed': 'alice removed bob',
      'members-left': 'bob, carol left',
      'device-added': 'bob has another device here',
      'device-rejoins': 'a device of bob has lost this conversation and is taken in again',
      'own-device-added': 'another device has joined your account: /devices lists them',
      joined:
        'you are in the room with alice, bob; topic: green; new members are handed what was said in the last 1 day',
      'went-on':
        'the room goes on, sealed anew: a change that nobody could take had stopped it, or not all had come along',
      'begun-without-you': 'bob had begun a group in place of this room that did not let you in',
      'not-along':
        'bob has not come along to where this room goes on, and may not read what is said here: ask them another way',
      'you-left': 'you have left',
      'you-were-removed': 'alice removed you',
      'room-named': 'alice named the room "tea"',
      'topic-set': 'alice set the topic: green',
      'newcomers-decided': 'alice decided: new members are handed what was said in the last 7 days',
      'admin-made': 'alice made bob an admin',
      'admin-unmade': 'bob is no admin any more',
      'admin-followed': 'bob is an admin now: the last one has left',
      'admins-made-meanwhile': 'made an admin while you were not in it: bob',
      'history-from-device': '1 line of history from your device phone',
      'history-from-member': '2 lines of history handed over by bob',
      newer: 'a newer version of Parley has noted something here: update to read it',
    })
  })

  test('of what cannot be read', () => {
    expect(saidFor(UNREADABLE, unreadable)).toEqual({
      'old-epoch': {
        text: 'sealed with keys that are older than this device keeps',
        remedy: 'ask for it to be sent again',
      },
      'future-epoch': {
        text: 'sealed with keys that this device does not have: it missed a change of the conversation',
        remedy: 'the sender can open a new conversation with you',
      },
      'other-kind': {
        text: 'it is not of the kind that the server said',
        remedy: 'tell the server’s operator',
      },
      refused: {
        text: 'refused (not-authentic): it was altered on its way or made by a faulty client',
        remedy: 'ask for it to be sent again',
      },
      'bad-content': {
        text: 'its content is not what a client of this version writes',
        remedy: 'ask bob which client made it',
      },
      'unknown-content': { text: 'it was made by a newer version', remedy: 'update Parley to read it' },
      'not-signed': {
        text: 'a change of the conversation that no member has signed: the server made it up; here everything stayed as it was',
        remedy: 'tell the others by another way, and ask the operator',
      },
      'against-rules': {
        text: 'bob changed it in a way that its rules do not allow them; here it stays as it was',
        remedy: 'an admin can remove bob; it goes on by itself in some seconds',
      },
      'not-in-use': {
        text: 'held back: it is of a device that bob does not have in use any more, or bob is not in the room',
        remedy: 'ask bob by another way',
      },
      expired: {
        text: '2 envelopes were deleted from the server before this device came for them',
        remedy: 'ask for it to be sent again',
      },
      gap: { text: '1 of what bob sent before this did not arrive', remedy: 'it is asked for again' },
      forked: {
        text: 'bob was shown another course of this conversation than this device: the server drops, adds or reorders',
        remedy: 'compare what you see with them by another way, and ask the operator',
      },
      'unknown-echo': {
        text: 'the server says that this device sent something here, but it did not: the server lies, or a copy of this folder is in use',
        remedy: 'use one copy alone; if there is none, ask the operator',
      },
      newer: { text: 'a newer version of Parley has noted something here: update to read it', remedy: '' },
    })
  })

  test('of notices', () => {
    expect(saidFor(NOTICES, notice)).toEqual({
      'left-out':
        'the server shows an older list of the devices of alice than this device knows, or does not list it: ask its operator',
      'lists-forked':
        'there are several lists of the devices of bob: the 24 words were used twice at once. Only devices on all of them count',
      'other-list':
        'bob is shown another list of your devices than this device is: either the server hides one from you, which somebody with ' +
        'your 24 words has signed, or they say so falsely. Compare /devices with what they see',
      'account-full':
        'the server keeps no more of your messages before others have received some; yours wait here',
      'server-full': "the server's disk is full: it takes no messages for now; yours wait here",
      'not-opened':
        'bob could not be opened: one of you has as many conversations as this server allows. What you write waits here; it is tried again',
      'not-added': 'bob was not added to #tea: it has too many devices for this server',
      'not-changed': 'a change of #tea is not possible: its members would refuse it',
      'welcome-expired':
        'of a conversation that somebody opened with you: 2 envelopes were deleted from the server before this device came for them. Ask whom you expect to hear from',
      'other-devices': 'the server delivers your devices to other devices than its members agreed to',
      'invitation-refused':
        'an invitation to a conversation was not taken: somebody in it goes by your handle',
      'copy-put-back':
        'what is kept here is older than what this device has sent (was a copy put back?): it renews its keys in each conversation before it says anything there',
      impostor:
        'somebody else goes by bob towards you, with a key that is not theirs: it is not taken for bob',
      'account-unknown':
        'nobody went by alice on this server before: the account begins anew here. If you have other devices, this is another server or handle than theirs, or a wrong word',
      'history-asked':
        'a new device of yours, phone, waits for your history: SHA256:a. Is it yours? /give-history and its number in ' +
        '/devices hands all of it over; if it is not, somebody has your 24 words: /revoke it',
      'history-awaited':
        'this device waits for your history: /give-history at one that has it, and on, hands it over',
      'other-directory-key':
        'the key with which the server signs its answers about handles is another one than before, or than the invite link names. The new one is not taken: ask its operator',
      'server-anew':
        'this server has another id than before, and other keys for its answers about handles: it was set up anew, or somebody stands between. What it says of people is taken from here on: ask its operator, and compare with /verify',
      'other-operator':
        'the server says that its operator is bob now. Nothing goes to them that you do not send to them: operator stays who is written to at first. Ask operator',
      'answers-dropped':
        "the server's answer about bob and 2 more is not taken: it is not signed by the key that the server signs such answers with",
      absent: 'bob is not on this server yet: what you write waits here until they are',
    })
  })

  test('of what was not done', () => {
    expect(saidFor(WHY_NOT, why => notice({ code: 'not-added', handle: 'bob', peer: '#tea', why }))).toEqual({
      rejected: 'bob was not added to #tea: it has too many devices for this server',
      impossible: 'bob was not added to #tea: its members would refuse it',
      nobody: 'bob was not added to #tea: nobody goes by this handle here',
      'no-device': 'bob was not added to #tea: none of their devices can be reached yet',
      'key-changed': 'bob was not added to #tea: their key has changed',
      'handle-twice': 'bob was not added to #tea: somebody else in it goes by this handle',
    })
  })

  test('of invitations', () => {
    expect(saidFor(JOIN_REFUSALS, why => notice({ code: 'invitation-refused', why }))).toEqual({
      'too-many-attempts':
        'an invitation to a conversation was not taken: it could not be opened in 3 attempts',
      'other-conversation':
        'an invitation to a conversation was not taken: it leads to another conversation than the server said',
      'not-right':
        'an invitation to a conversation was not taken: somebody is in it whom its own record of members, or a list of devices, does not name',
      'own-handle': 'an invitation to a conversation was not taken: somebody in it goes by your handle',
      'not-theirs':
        'an invitation to a conversation was not taken: it is to take the place of a conversation that you have, and is not made by its members',
      'handle-twice': 'an invitation to a conversation was not taken: two accounts in it go by bob',
      'not-signed':
        'an invitation to a conversation was not taken: nobody in it has signed it: the server made it up',
      mls: 'an invitation to a conversation was not taken: refused: malformed',
    })
  })

  test('of refusals', () => {
    expect(saidFor(REFUSALS, refusal)).toEqual({
      'device-ahead':
        'that device is ahead of this one in the list, and cannot be ended from here: use `recover`, with your 24 words',
      'other-words': 'these words are of another account',
      'no-words': 'the words of your account are not kept here: you have them on paper',
      'text-too-long': 'the message is 65537 bytes long; the limit is 65536 bytes: send it in parts',
      'bad-handle':
        "\"Bob\" is not a handle. A handle has 1 to 32 characters out of a-z, 0-9, '-', '_' and '.', and begins with a letter or a digit.",
      'own-handle': '"alice" is your own handle',
      'not-a-room': 'this is not a room',
      'not-in-room': 'you are not in #tea any more',
      'not-an-admin': "that is for the room's admins: alice, bob",
      'already-a-member': 'bob is in the room already',
      'not-a-member': 'bob is not in the room',
      'cannot-remove-yourself': 'that is you: /leave',
      'only-admin': 'a room needs an admin: make somebody else one first',
      'not-registered': 'no server has taken your account in yet: try again when the line is up',
      'bad-room-name': "a room's name has 1 to 64 characters",
      'topic-too-long': 'a topic has at most 512 characters',
      'bad-device-name': "a device's name has 1 to 64 characters",
      'bad-days': 'days of history are a whole number from 0 to 3650',
      'no-request': 'nobody called bob waits to be let in: /requests lists who does',
      'key-changed': 'the key of bob has changed: accept it first, if it is theirs',
      'key-not-changed': 'the key of bob has not changed',
      'key-unknown': 'the key of bob is not known yet: it is pinned at the first contact',
      'key-swapped':
        'nothing is decided: bob has another key by now than the one that you were shown.\nshown: SHA256:a\nnow:   SHA256:b\nCompare it anew with /verify bob',
      'already-blocked': 'bob is blocked already',
      'not-blocked': 'bob is not blocked',
      'not-your-device': 'this is not one of your devices',
      'this-device': 'that is this device: say it at another one',
      'already-revoked': 'this device is revoked already',
      'has-history': 'that device does not wait for your history',
    })
  })

  test('of a line that is down', () => {
    expect(saidFor(DOWN, downCause)).toEqual({
      'said-revoked': 'the server says that your account has ended this device',
      unreachable: 'here:5000: nothing listens there: is the server running, and is the port right?',
      'no-answer': 'the server does not answer',
      clock: "this machine's clock is 10 min ahead of the server's (2026-01-02T03:04:00.000Z): set it",
      silent: 'nothing was heard for 16 s',
      ended: 'the server has ended the line',
      'shutting-down': 'the server is shutting down',
      'wrong-numbers': 'the server numbers envelopes wrongly',
      'no-line': 'there is no line to here:5000',
      'call-failed': 'the server is stopping',
    })
  })

  test('of a line that is not tried any more', () => {
    expect(saidFor(STOPPED, stopCause)).toEqual({
      'left-out':
        'the server does not list this device among those of alice, and shows nothing signed that ends it: ask its operator',
      'not-listed':
        'no list of alice names this device yet: start it with "link", or with "recover", and your 24 words',
      'other-server-id':
        'the server at here:5000 has another id than the one that your account is on: it was set up anew, or is another. ' +
        'Ask its operator; "recover" and your 24 words list your devices there.',
      'server-changed':
        'the server at here:5000 shows another key than before. Either it was set up anew, or somebody stands between.\n  pinned: SHA256:a\n  now:    SHA256:b\nNothing was sent. Ask the operator for the fingerprint; if the new one is right, start once with --accept-server SHA256:b',
      'server-not-invited':
        'the server at here:5000 is not the one that the invite link names.\n  invited to: SHA256:a\n  answered:   SHA256:b\nNothing was sent. Ask for a new link.',
      'server-not-vouched':
        'the server at here:5000 shows a certificate that no authority vouches for under the name there, as one did before. Either it was set up anew, or somebody stands between.\n  now:    SHA256:b\nNothing was sent. Ask the operator for the fingerprint; if it is this one, start once with --accept-server SHA256:b; if the server has another name now, with --accept-server authority',
      'no-server': 'no server is known: give its address',
      'handle-taken': 'the handle "alice" belongs to somebody else on this server: choose another',
      'handle-reserved': 'the handle "alice" is kept for the server\'s operator: choose another',
      'handle-invalid': 'the server does not take the handle "alice": It is too short.',
      'not-registered': 'the server does not take the handle "alice": update Parley',
      'too-many-devices': 'the account has 16 devices already, which is the limit',
      'invite-needed': 'the server takes new accounts by invitation only: ask somebody there for a link',
      'invite-invalid': 'the invitation was used already, or is not of this server: ask for a new link',
      'registration-closed': 'the server takes no new accounts',
      superseded: 'this device is connected from another process, which took over the line',
      revoked:
        'this device was revoked by its account: what is said from now on is not for it. If that was not you: ' +
        '"recover", with your 24 words, takes the account back',
      banned: "the server's operator has banned this account or device",
      'protocol-version': 'version 2 is spoken here. Update Parley on this machine or on the server.',
      'unknown-answer': 'the server answers in a way that this version does not know: update Parley',
      vault: 'There is no room left to write vault.db; nothing was changed.',
      closed: 'it is closed',
    })
  })

  test('of vaults', () => {
    expect(saidFor(VAULT, vaultCause)).toEqual({
      'passphrase-needed':
        'The vault vault.db has a passphrase. Give it in the environment, PARLEY_PASSPHRASE.',
      'passphrase-wrong': 'The passphrase is wrong. Nothing was changed; try again.',
      'passphrase-empty': 'A passphrase cannot be empty.',
      'passphrase-not-set':
        'The vault vault.db has no passphrase. Open it without one; then you can set one.',
      'in-use': 'The file vault.db is in use by another process. End that one first.',
      'newer-version':
        'The file vault.db was written by a newer version of this program. Update it; nothing was changed.',
      'older-version':
        'The file vault.db was written by an older version of this program, whose vaults this one does not read; nothing was changed. Move its folder away and start anew: with "link" and the 24 words of the account, which the older version shows, this becomes a new device of it.',
      damaged:
        'The file vault.db is damaged. Put a backup of its folder in place, or move the folder away to begin anew.',
      'key-missing': 'The file key is missing, without which the vault does not open. Put it back.',
      full: 'There is no room left to write vault.db; nothing was changed.',
      'not-writable':
        'Cannot read and write vault.db (EACCES). Check the owner and the permissions of its folder.',
    })
  })

  test('of addresses and links', () => {
    expect(saidFor(INVITE, inviteCause)).toEqual({
      'bad-address': 'An address is HOST:PORT; an IPv6 host stands in brackets, [::1]:5000.',
      'bad-brackets': 'What stands between the brackets is not an IPv6 address.',
      'no-host': 'The host is missing: an address is HOST:PORT.',
      'bad-host': "The host is neither a host's name nor an IP address.",
      'bad-port': 'The port is not a number from 1 to 65535.',
      'not-a-link': 'An invite link begins with parley://.',
      'link-too-long': 'The invite link is too long.',
      'bad-link': 'The invite link is not of the form parley://HOST:PORT/?s=...',
      'no-server-key': "The invite link lacks the server's fingerprint (s=...). Was it cut off?",
      repeated: 'The invite link has "s=" more than once.',
      'bad-server-key': "The server's fingerprint (s=...) in the invite link is cut off or mistyped.",
      'bad-inviter':
        "The invite link has no proper handle in i=... A handle has 1 to 32 characters out of a-z, 0-9, '-', '_' and '.', and begins with a letter or a digit.",
      'bad-inviter-key': "The inviter's fingerprint (i=...) in the invite link is cut off or mistyped.",
      'bad-token': 'The token (t=...) in the invite link is cut off or mistyped.',
    })
  })

  test('of recovery phrases', () => {
    expect(saidFor(PHRASE, phraseCause)).toEqual({
      length: 'A recovery phrase has 24 words; these are 23.',
      'unknown-word': 'Words 3 and 24 are not on the list of words: compare the spelling.',
      checksum:
        'All 24 words are on the list, but they do not fit together: one is another word, or two changed places.',
    })
  })

  test('of texts that are not sent', () => {
    expect((['too-large', 'malformed', 'not-in-room', 'uncertain'] as const).map(sendFailure)).toEqual([
      'the server finds it too large',
      'the server finds that it breaks a rule: update Parley on this machine or on the server',
      'you are not in the room any more',
      'whether it was sent is not known here: a copy of what is kept was put back',
    ])
  })
})

describe('what the data changes', () => {
  test('in a room', () => {
    expect(systemMessage({ code: 'topic-set', by: 'alice', topic: '' })).toBe('alice removed the topic')
    expect(systemMessage({ code: 'newcomers-decided', by: 'alice', days: 0 })).toBe(
      'alice decided: new members see nothing of what was said before',
    )
    expect(systemMessage({ code: 'joined', others: ['bob'], topic: '', historyDays: 0 })).toBe(
      'you are in the room with bob; new members see nothing of what was said before',
    )
  })

  test('where the server says no', () => {
    expect(notice({ code: 'not-opened', peer: '#tea', isRoom: true, why: 'unknown' })).toBe(
      '#tea could not be opened: the server refuses it (for a reason that is not known here). Make it again when that has changed',
    )
    expect(
      notice({ code: 'not-changed', peer: '#tea', why: { code: 'rejected', rejection: 'not-a-member' } }),
    ).toBe('the change of #tea was refused: the server refuses it (not-a-member)')
    expect(notice({ code: 'not-changed', peer: '#tea', why: { code: 'impossible', cause: 'damaged' } })).toBe(
      'a change of #tea is not possible: damaged',
    )
  })

  test('of a line and of words', () => {
    expect(downCause({ code: 'no-line', address: '' })).toBe('there is no line')
    expect(downCause({ code: 'unreachable', address: 'here:1', why: 'not-grpc' })).toBe(
      'here:1 speaks TLS but not gRPC: is this the right port?',
    )
    expect(downCause({ code: 'clock', offsetMs: -120_000, serverTime: new Date(0) })).toBe(
      "this machine's clock is 2 min behind the server's (1970-01-01T00:00:00.000Z): set it",
    )
    expect(phraseCause({ code: 'unknown-word', positions: [3] })).toBe(
      'Word 3 is not on the list of words: compare the spelling.',
    )
    expect(phraseCause({ code: 'length', words: undefined })).toBe(
      'A recovery phrase has 24 words; this text is much longer.',
    )
  })
})
