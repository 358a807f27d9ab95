// `transcript` prints the conversations of an account.

import { expect, test } from '@jest/globals'
import { transcript } from '../../../../services/client/script/transcript.js'
import {
  type ConversationNumber,
  conversationNumber,
  type MessageNumber,
  messageNumber,
  sequenceOf,
} from '../../../../services/endpoint/ids.js'
import type { Endpoint, HistoryEntry, PersonHere } from '../../../../services/endpoint/index.js'

const person = (handle: string, conversation: ConversationNumber): PersonHere => ({
  handle,
  conversation,
  here: false,
  lastHeard: undefined,
  state: 'ready',
  verified: false,
})
const text = (peer: string, message: MessageNumber, sequence: bigint, words: string): HistoryEntry => ({
  id: { conversation: conversationNumber(peer === 'bob' ? 1n : 2n), message },
  kind: 'text',
  peer,
  from: 'alice',
  own: true,
  text: words,
  sentAt: new Date(0),
  state: sequence === 0n ? 'waiting' : 'stored',
  sequence: sequenceOf(sequence),
})

const HISTORY = new Map([
  [
    1n,
    [
      text('bob', messageNumber(1n), 0n, 'unsent first'),
      text('bob', messageNumber(2n), 7n, 'second'),
      text('bob', messageNumber(3n), 0n, 'unsent last'),
      text('bob', messageNumber(4n), 5n, 'first'),
    ],
  ],
  [2n, [text('carol', messageNumber(5n), 6n, 'for carol')]],
])
const endpoint: Pick<Endpoint, 'people' | 'history'> = {
  people: () => [person('bob', conversationNumber(1n)), person('carol', conversationNumber(2n))],
  history: conversation => HISTORY.get(conversation)!,
}

const textsOf = (to?: string) =>
  transcript(endpoint, { to, json: true }).map((line): unknown => JSON.parse(line).text)

test('every conversation is printed in the order of the server, what is unsent last, as it was typed', () => {
  expect(textsOf()).toEqual(['first', 'second', 'unsent first', 'unsent last', 'for carol'])
})

test('one conversation is printed where it is named', () => {
  expect(textsOf('bob')).toEqual(['first', 'second', 'unsent first', 'unsent last'])
  expect(textsOf('carol')).toEqual(['for carol'])
  expect(textsOf('dave')).toEqual([])
})

test('for a person a line says who wrote it, to whom, and how far it came', () => {
  expect(transcript(endpoint, { to: 'carol', json: false })).toEqual([
    expect.stringMatching(/alice → carol: for carol/),
  ])
})
