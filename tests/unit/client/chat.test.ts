// The chat on a terminal and an endpoint that only note what they are asked for.

import { expect, test } from '@jest/globals'
import { Chat, type ChatOptions } from '../../../services/client/chat.js'
import { conversationNumber, messageNumber, sequenceOf } from '../../../services/endpoint/ids.js'
import {
  type HistoryEntry,
  type KnownConversation,
  type LineState,
  type PersonHere,
  Refusal,
} from '../../../services/endpoint/index.js'
import { NOTHING, unexpected } from '../../support/commands.js'

const BOB: PersonHere = {
  handle: 'bob',
  conversation: conversationNumber(1n),
  here: true,
  lastHeard: undefined,
  state: 'ready',
  verified: false,
}

function open({ person = {}, refuses = false }: { person?: Partial<PersonHere>; refuses?: boolean } = {}) {
  const conversations: KnownConversation[] = [{ number: conversationNumber(1n), kind: 'direct', peer: 'bob' }]
  const [shown, prompts, sent, marks]: [string[], string[], string[], string[]] = [[], [], [], []]
  const answers: string[] = []
  const passphrases: (string | undefined)[] = []
  const endpoint: ChatOptions['endpoint'] = {
    ...NOTHING,
    account: unexpected,
    contacts: unexpected,
    changePassphrase: async passphrase => void passphrases.push(passphrase),
    conversation: number => conversations.find(each => each.number === number),
    conversations: () => conversations,
    history: () => [],
    open: async () => BOB.conversation,
    people: () => [{ ...BOB, ...person }],
    person: () => ({ ...BOB, ...person }),
    async send(conversation, text) {
      if (refuses) throw new Refusal({ code: 'not-in-room', peer: '#tea' })
      sent.push(text)
      return { conversation, message: messageNumber(BigInt(sent.length)) }
    },
  }
  const chat = new Chat({
    endpoint,
    terminal: {
      ask: async () => answers.shift(),
      mark: (id, mark) => void marks.push(`${id} ${mark}`),
      print: entry => void shown.push(entry.kind === 'notice' ? `${entry.level}: ${entry.text}` : entry.text),
      prompt: text => void prompts.push(text),
      status: () => undefined,
    },
    handle: 'alice',
    quit: unexpected,
  })
  const line = (line: LineState) => chat.onEvent({ type: 'line', line })
  return { chat, shown, prompts, sent, marks, answers, passphrases, line }
}

const said: HistoryEntry = {
  id: { conversation: conversationNumber(1n), message: messageNumber(9n) },
  kind: 'text',
  peer: 'bob',
  from: 'bob',
  own: false,
  text: 'hi',
  sentAt: new Date(0),
  state: 'received',
  sequence: sequenceOf(3n),
}

test('lines go to whom one has turned to, and the prompt says who that is', async () => {
  const { chat, prompts, sent, shown } = open()
  await chat.onLine('to whom?')
  expect(shown).toEqual(['warning: not sent: to whom? /to HANDLE, or @HANDLE text. ↑ brings the line back'])
  await chat.onLine('/to bob')
  await chat.onLine('hello')
  await chat.onLine('@bob once')
  expect(sent).toEqual(['hello', 'once'])
  expect(prompts).toEqual(['alice> ', 'alice → bob> '])
})

test('whoever writes first is turned to', async () => {
  const { chat, prompts, shown } = open({ person: { verified: true } })
  chat.onEvent({ type: 'message', entry: said })
  await chat.onLine('/nothing')
  expect(prompts.at(-1)).toBe('alice → bob ✔> ')
  expect(shown).toEqual(['hi', 'warning: there is no /nothing: /help lists what there is'])
})

test.each([
  ['/to Bob', /^warning: "Bob" is not a handle\. A handle has/],
  ['/to alice', /^warning: that is you$/],
  ['/to #tea', /^warning: there is no room #tea: \/who lists what there is$/],
  ['@Bob hi', /^warning: not sent: "Bob" is not a handle\. .* ↑ brings the line back$/],
  ['@alice hi', /^warning: that is you$/],
  ['/history', /^warning: with whom\? \/to HANDLE$/],
])('%s is answered', async (typed, answer) => {
  const { chat, shown, sent } = open()
  await chat.onLine(typed)
  expect(shown).toEqual([expect.stringMatching(answer)])
  expect(sent).toEqual([])
})

test('a line that cannot go out says why, and that it waits or comes back', async () => {
  const refused = open({ refuses: true })
  await refused.chat.onLine('@bob hi')
  expect(refused.shown).toEqual(['error: not sent: you are not in #tea any more. ↑ brings the line back'])
  const stopped = open({ person: { state: 'key-changed' } })
  await stopped.chat.onLine('@bob hi')
  expect(stopped.shown).toEqual([
    'warning: it waits here: the key of bob has changed (/verify bob, /accept bob)',
  ])
})

test('how far a message has come is marked, and told where it fails', () => {
  const { chat, marks, shown } = open()
  const id = { conversation: BOB.conversation, message: messageNumber(9n) }
  chat.onEvent({ type: 'state', id, peer: 'bob', state: 'delivered', sequence: sequenceOf(1n) })
  chat.onEvent({
    type: 'state',
    id,
    peer: 'bob',
    state: 'failed',
    sequence: sequenceOf(0n),
    failure: 'malformed',
  })
  expect(marks).toEqual(['1.9 delivered', '1.9 failed'])
  expect(shown).toEqual([
    'error: a message to bob was not sent: the server finds that it breaks a rule: update Parley on this machine or on the server',
  ])
})

test('a line that goes down is told once, and that it is up again', () => {
  const { shown, line } = open()
  const down: LineState = { state: 'down', cause: { code: 'ended' }, retryInMs: 1 }
  line({ state: 'connecting' })
  line({ state: 'up' })
  for (const state of [down, { state: 'connecting' } as const, down]) line(state)
  line({ state: 'up' })
  line({ state: 'stopped', reason: 'banned', cause: { code: 'banned' } })
  expect(shown).toEqual([
    'info: connected',
    'warning: the line to the server is down: the server has ended the line. It is tried again by itself; what you write waits here',
    'info: the line to the server is up',
    "error: the server's operator has banned this account or device",
  ])
})

test.each<[string[], (string | undefined)[], string]>([
  [['new', 'new'], ['new'], 'info: the passphrase is set; it is asked for at the next start'],
  [['', ''], [undefined], 'info: there is no passphrase now'],
  [['new', 'other'], [], 'warning: the two differ: left as it was'],
  [[], [], 'warning: left as it was'],
])('a passphrase is asked for twice: %j', async (typed, set, answer) => {
  const { chat, answers, passphrases, shown } = open()
  answers.push(...typed)
  await chat.onLine('/passphrase')
  expect(passphrases).toEqual(set)
  expect(shown).toEqual([answer])
})
