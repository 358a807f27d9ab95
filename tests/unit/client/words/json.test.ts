// A program reads this with --json: every type of event, exactly.

import { describe, expect, test } from '@jest/globals'
import { jsonOf, jsonOfEntry, line } from '../../../../services/client/words/json.js'
import { conversationNumber, messageNumber, sequenceOf } from '../../../../services/endpoint/ids.js'
import type { EndpointEvent, HistoryEntry } from '../../../../services/endpoint/index.js'

const id = { conversation: conversationNumber(1n), message: messageNumber(9n) }
const LINE = {
  id,
  peer: 'bob',
  from: 'bob',
  own: false,
  text: '',
  sentAt: new Date(0),
  state: 'received',
  sequence: sequenceOf(3n),
} as const
const AS_LINE = {
  id: '1.9',
  peer: 'bob',
  from: 'bob',
  own: false,
  sentAt: '1970-01-01T00:00:00.000Z',
  state: 'received',
  sequence: 3,
}

const read = (text: string): unknown => JSON.parse(text)

describe('a line of the history is', () => {
  test.each<[string, HistoryEntry, object]>([
    ['a message', { ...LINE, kind: 'text', text: 'hi' }, { ...AS_LINE, type: 'message', text: 'hi' }],
    [
      'of somebody with another key',
      { ...LINE, kind: 'text', text: 'hi', otherKey: true },
      { ...AS_LINE, type: 'message', text: 'hi', otherKey: true },
    ],
    [
      'of what somebody tells',
      { ...LINE, kind: 'text', text: 'hi', hearsay: 'carol' },
      { ...AS_LINE, type: 'message', text: 'hi', hearsay: 'carol' },
    ],
    [
      'an event',
      { ...LINE, kind: 'event', from: '', system: { code: 'members-added', by: 'bob', who: ['carol'] } },
      {
        ...AS_LINE,
        type: 'event',
        from: '',
        text: 'bob added carol',
        code: 'members-added',
        data: { by: 'bob', who: ['carol'] },
      },
    ],
    [
      'unreadable',
      { ...LINE, kind: 'unreadable', cause: { code: 'old-epoch' } },
      {
        ...AS_LINE,
        type: 'unreadable',
        text: 'sealed with keys that are older than this device keeps',
        remedy: 'ask for it to be sent again',
        code: 'old-epoch',
      },
    ],
    [
      'a gap',
      { ...LINE, kind: 'gap', cause: { code: 'gap', from: 'bob', count: 2n } },
      {
        ...AS_LINE,
        type: 'gap',
        text: '2 of what bob sent before this did not arrive',
        remedy: 'it is asked for again',
        code: 'gap',
        data: { from: 'bob', count: 2 },
      },
    ],
  ])('%s', (_, entry, json) => {
    expect(read(line(jsonOfEntry(entry)))).toEqual(json)
    expect(read(line(jsonOf({ type: 'message', entry })))).toEqual(json)
  })
})

const KEY = { handle: 'bob', pinned: 'SHA256:a', seen: 'SHA256:b', policy: 'block' } as const
const EVENTS: [event: Exclude<EndpointEvent, { type: 'message' }>, json: object][] = [
  [
    { type: 'state', id, peer: 'bob', state: 'stored', sequence: sequenceOf(4n) },
    { type: 'state', id: '1.9', peer: 'bob', state: 'stored', sequence: 4 },
  ],
  [
    { type: 'state', id, peer: 'bob', state: 'failed', sequence: sequenceOf(0n), failure: 'too-large' },
    {
      type: 'state',
      id: '1.9',
      peer: 'bob',
      state: 'failed',
      sequence: 0,
      cause: 'the server finds it too large',
      code: 'too-large',
    },
  ],
  [
    { type: 'line', line: { state: 'connecting' } },
    { type: 'line', state: 'connecting' },
  ],
  [
    { type: 'line', line: { state: 'up' } },
    { type: 'line', state: 'up' },
  ],
  [
    { type: 'line', line: { state: 'down', cause: { code: 'silent', seconds: 16 }, retryInMs: 500 } },
    {
      type: 'line',
      state: 'down',
      cause: 'nothing was heard for 16 s',
      code: 'silent',
      data: { seconds: 16 },
      retryInMs: 500,
    },
  ],
  [
    { type: 'line', line: { state: 'stopped', reason: 'banned', cause: { code: 'banned' } } },
    {
      type: 'line',
      state: 'stopped',
      reason: 'banned',
      cause: "the server's operator has banned this account or device",
      code: 'banned',
    },
  ],
  [
    { type: 'server-pinned', address: 'here:5000', fingerprint: 'SHA256:a' },
    { type: 'server-pinned', address: 'here:5000', fingerprint: 'SHA256:a' },
  ],
  [
    { type: 'contact-pinned', handle: 'bob', fingerprint: 'SHA256:a' },
    { type: 'contact-pinned', handle: 'bob', fingerprint: 'SHA256:a' },
  ],
  [
    { type: 'key-changed', ...KEY },
    { type: 'key-changed', ...KEY },
  ],
  [
    { type: 'contact', handle: 'bob', change: 'verified' },
    { type: 'contact', handle: 'bob', change: 'verified' },
  ],
  [
    { type: 'operator', handle: 'operator' },
    { type: 'operator', handle: 'operator' },
  ],
  [
    { type: 'conversation', peer: '#tea', conversation: conversationNumber(1n), state: 'ready' },
    { type: 'conversation', peer: '#tea', state: 'ready' },
  ],
  [
    { type: 'presence', handle: 'bob', here: true },
    { type: 'presence', handle: 'bob', here: true },
  ],
  [{ type: 'devices' }, { type: 'devices' }],
  [
    { type: 'notice', level: 'info', notice: { code: 'absent', peer: 'bob' } },
    {
      type: 'notice',
      level: 'info',
      text: 'bob is not on this server yet: what you write waits here until they are',
      code: 'absent',
      data: { peer: 'bob' },
    },
  ],
  [
    { type: 'request', peer: '#tea', from: 'bob~abcdefgh' },
    { type: 'request', peer: '#tea', from: 'bob~abcdefgh' },
  ],
  [
    {
      type: 'notice',
      level: 'warning',
      notice: { code: 'not-added', handle: 'bob', peer: '#tea', why: { code: 'nobody' } },
    },
    {
      type: 'notice',
      level: 'warning',
      text: 'bob was not added to #tea: nobody goes by this handle here',
      code: 'not-added',
      data: { handle: 'bob', peer: '#tea', why: { code: 'nobody' } },
    },
  ],
]

test.each(EVENTS.map(([event, json]) => ({ name: event.type, event, json })))(
  'an event is $name',
  ({ event, json }) => {
    expect(read(line(jsonOf(event)))).toEqual(json)
  },
)

test('there is no type of event that is not looked at here', () => {
  const types: Record<Exclude<EndpointEvent['type'], 'message'>, true> = {
    line: true,
    'server-pinned': true,
    conversation: true,
    state: true,
    'contact-pinned': true,
    'key-changed': true,
    request: true,
    contact: true,
    operator: true,
    devices: true,
    presence: true,
    notice: true,
  }
  expect(new Set(EVENTS.map(([{ type }]) => type))).toEqual(new Set(Object.keys(types)))
})
