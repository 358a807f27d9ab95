// The doctor's findings and deeds in the words that a person reads.

import { expect, test } from '@jest/globals'
import { deed, found } from '../../../../services/client/words/findings.js'
import type { Found } from '../../../../services/endpoint/index.js'
import { DEEDS, FOUND } from '../../../support/coded.js'

test('every finding has its words, and what is left to do', () => {
  const said = Object.fromEntries(Object.values(FOUND).map(what => [what.code, found(what, false)]))
  expect(said).toEqual({
    'no-server': { text: 'no server is known', remedy: 'give its address or an invite link' },
    'name-unknown': {
      text: 'here:5000: the name is not known (DNS)',
      remedy: 'check how it is spelled, and the network',
    },
    'server-answers': { text: 'here:5000 answers: the name is 10.0.0.1, ::1; TCP and TLS work' },
    'server-unreachable': {
      text: 'the name is 10.0.0.1; here:5000: no answer came in time: check the address, the port and the firewalls in between',
    },
    'server-key-pinned': { text: 'its key is the one that is pinned' },
    'server-key-vouched': { text: 'an authority vouches for its certificate' },
    'server-key-wrong': {
      text: 'the server at here:5000 shows another key than before. Either it was set up anew, or somebody stands between.',
      remedy:
        'pinned: SHA256:a   now:    SHA256:b Nothing was sent. Ask the operator for the fingerprint; if the new one is right, start once with --accept-server SHA256:b',
    },
    certificate: {
      text: 'its certificate runs for 1 day more, to 2026-01-02',
      remedy: 'the operator has to renew it',
    },
    'line-up': { text: 'the line is up' },
    'line-not-up': { text: 'the line is not up yet' },
    'line-down': {
      text: 'the line is down: the server has ended the line',
      remedy: 'it is tried again by itself',
    },
    'line-stopped': {
      text: 'the line is not tried any more: the server at here:5000 shows another key than before. Either it was set up anew, or somebody stands between.',
    },
    clock: { text: "this machine's clock is 61.0 s behind the server's", remedy: 'set the clock' },
    'server-not-asked': {
      text: 'the server could not be asked about this device: there is no line to here:5000',
    },
    registered: { text: 'alice is registered with 2 devices, this one among them' },
    'not-listed': {
      text: 'the server does not list this device among those of alice: others cannot add it',
      remedy: "tell the server's operator",
    },
    'key-packages': { text: '1 key package left at the server, the keys of 2 here; one of last resort' },
    'key-packages-elsewhere': {
      text: '3 key packages left at the server, the keys of 2 here; one of last resort: what is made with one whose key is not here cannot be opened',
      remedy: 'whoever cannot reach you tries again',
    },
    'key-packages-none': {
      text: '0 key packages left at the server, the keys of 0 here; none of last resort: nobody can reach this device',
    },
    blocked: { text: 'you have blocked them' },
    'key-changed': {
      text: 'they have another key than before: nothing is sent to them',
      remedy: '/verify bob, then /accept bob',
    },
    'not-in-room': { text: 'you are not in it any more' },
    'no-other-device': { text: 'no other device is in it' },
    'from-history': { text: 'it came with the history, and is opened when you write in it' },
    'keys-useless': { text: 'its keys are of no use any more, and it has to be opened anew' },
    'nobody-reachable': { text: 'bob has no device on this server that can be reached yet' },
    leaving: { text: 'you have left; a member has still to remove this device' },
    'state-lost': {
      text: 'this device missed a change of it and has to be taken in again, and asked for it at 2026-01-02 03:04 UTC',
      remedy: 'another member has to be connected: theirs does it by itself',
    },
    agreement: {
      text: 'epoch 3, 2 accounts with 3 devices; 1 of 2 others heard in it; not yet: bob (last 2026-01-02 03:04 UTC)',
    },
    'commit-stuck': { text: 'a change of it was made here and never sent' },
    forked: {
      text: 'bob was shown another course of it than this device, as of 2026-01-02 03:04 UTC',
      remedy: 'compare what you see with them by another way, and ask the operator',
    },
    gap: {
      text: '2 of what somebody who has left sent did not arrive',
      remedy: 'their device has to be connected',
    },
    'gap-for-ever': { text: '2 of what bob sent did not arrive, and that device is not in it any more' },
    'changes-wait': { text: '1 change of it waits to be made' },
    'changes-pointless': { text: '2 changes of it can not be made any more' },
    unreadable: {
      text: '2 lines of the history: sealed with keys that are older than this device keeps',
      remedy: 'ask for it to be sent again',
    },
    unsent: { text: '1 text of yours not sent yet' },
    undelivered: { text: '2 texts of yours not known to be delivered' },
    records: { text: '7 records, every one readable' },
    'records-damaged': {
      text: 'of 7 records cannot be read: 1 record of messages',
      remedy: 'put a backup of its folder in place; its conversations are joined anew by themselves',
    },
  })
})

test('of what is well nothing is left to do', () => {
  for (const what of Object.values(FOUND))
    expect(found(what, true)).toEqual({ text: found(what, false).text })
})

test('every deed has its words', () => {
  const said = Object.fromEntries(Object.values(DEEDS).map(did => [did.code, deed(did)]))
  expect(said).toEqual({
    published: '50 key packages published',
    'looked-again': 'looked for them again',
    'asked-to-rejoin': 'asked again to be taken in',
    'asked-again': 'asked for it again',
    'stopped-waiting': 'it is not waited for any more; the history shows where it was',
    'gave-up-conversation': 'given up; the conversation is opened anew',
    'gave-up-commit': 'given up; it is made anew if it is due',
    'gave-up-changes': 'given up',
  })
})

test('the data changes what is said', () => {
  const text = (what: Found) => found(what, false)
  const notAfter = new Date(0)
  expect(text({ code: 'certificate', notAfter, days: -1, isPinned: true })).toEqual({
    text: 'its certificate ran out on 1970-01-01; what is pinned is its key',
  })
  expect(text({ code: 'clock', offsetMs: 2_000 }).text).toBe(
    "this machine's clock is 2.0 s ahead of the server's",
  )
  expect(text({ code: 'state-lost', isLeaving: true, askedAt: undefined }).text).toBe(
    'you have left; to say so, this device has to be taken in again',
  )
  expect(text({ code: 'forked', handle: undefined, at: notAfter, isOver: true })).toEqual({
    text: 'somebody who has left was shown another course of it than this device, as of 1970-01-01 00:00 UTC; nothing since',
  })
  expect(text({ code: 'server-answers', address: '10.0.0.1:5000', addresses: [] }).text).toBe(
    '10.0.0.1:5000 answers: TCP and TLS work',
  )
  const unheard = Array.from({ length: 7 }, (_, at) => ({ handle: `bob${at}`, last: undefined }))
  expect(text({ code: 'agreement', epoch: 1n, accounts: 8, devices: 8, others: 7, unheard }).text).toBe(
    'epoch 1, 8 accounts with 8 devices; 0 of 7 others heard in it; not yet: bob0 (never), bob1 (never), bob2 (never), bob3 (never), bob4 (never) and 2 more',
  )
})
