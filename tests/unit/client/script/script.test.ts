// The script on an endpoint that is made up: what it sends, prints, and how it ends.

import { Readable } from 'node:stream'
import { describe, expect, test } from '@jest/globals'
import { readLines } from '../../../../services/client/script/lines.js'
import { Script, type ScriptOptions } from '../../../../services/client/script/script.js'
import {
  conversationNumber,
  type MessageNumber,
  messageNumber,
  sequenceOf,
} from '../../../../services/endpoint/ids.js'
import {
  type DeviceView,
  type EndpointEvent,
  type LineState,
  type MessageState,
  type PersonHere,
  Refusal,
} from '../../../../services/endpoint/index.js'
import { deviceKey } from '../../../../services/protocol/keys.js'

const LIMIT = 10
const BOB: PersonHere = {
  handle: 'bob',
  conversation: conversationNumber(1n),
  here: true,
  lastHeard: undefined,
  state: 'ready',
  verified: false,
}

type Options = Partial<Omit<ScriptOptions, 'endpoint'>> & { endpoint?: Partial<ScriptOptions['endpoint']> }

function scripted(input: string, options: Options = {}) {
  const sent: string[] = []
  const states = new Map<MessageNumber, MessageState>()
  const [printed, noted]: [string[], string[]] = [[], []]
  const endpoint: ScriptOptions['endpoint'] = {
    async send(conversation, text) {
      if (text.length > LIMIT) throw new Refusal({ code: 'text-too-long', bytes: text.length, limit: LIMIT })
      sent.push(text)
      const message = messageNumber(BigInt(sent.length))
      states.set(message, 'waiting')
      return { conversation, message }
    },
    devices: () => [],
    giveHistory: () => Promise.reject(new Error('nobody agreed to it')),
    person: () => BOB,
    unsettled() {
      const count = (...open: MessageState[]) =>
        [...states.values()].filter(state => open.includes(state)).length
      return { unsent: count('waiting'), undelivered: count('waiting', 'stored') }
    },
  }
  const script = new Script({
    input: Readable.from([input]),
    print: line => void printed.push(line),
    note: line => void noted.push(line),
    json: false,
    waitDelivered: false,
    follow: false,
    timeoutMs: undefined,
    giveHistory: undefined,
    ...options,
    endpoint: { ...endpoint, ...options.endpoint },
  })
  const tell = (number: bigint, state: MessageState) => {
    const message = messageNumber(number)
    states.set(message, state)
    script.onEvent({
      type: 'state',
      id: { conversation: BOB.conversation, message },
      peer: 'bob',
      state,
      sequence: sequenceOf(1n),
    })
  }
  const line = (line: LineState) => script.onEvent({ type: 'line', line })
  return { script, sent, printed, noted, tell, line }
}

const UP: LineState = { state: 'up' }
const DOWN: LineState = { state: 'down', cause: { code: 'ended' }, retryInMs: 500 }
const BANNED: LineState = { state: 'stopped', reason: 'banned', cause: { code: 'banned' } }

/** Everything that is under way in memory has been done. */
const settled = () => new Promise<void>(resolve => setImmediate(resolve))
const stillRuns = async (exit: Promise<unknown>) => {
  await settled()
  return (await Promise.race([exit, Promise.resolve('runs')])) === 'runs'
}
const received: EndpointEvent = {
  type: 'message',
  entry: {
    id: { conversation: conversationNumber(1n), message: messageNumber(9n) },
    kind: 'text',
    peer: 'bob',
    from: 'bob',
    own: false,
    text: 'hi\u001b[31m',
    sentAt: new Date(0),
    state: 'received',
    sequence: sequenceOf(3n),
  },
}

describe('a script', () => {
  test('sends every line, the empty ones too, and ends when all are stored', async () => {
    const { script, sent, tell, line } = scripted('one\n\nthree')
    const exit = script.run(Promise.resolve(BOB.conversation))
    line(UP)
    expect(await stillRuns(exit)).toBe(true)
    expect(sent).toEqual(['one', '', 'three'])
    for (const message of [1n, 2n]) tell(message, 'stored')
    expect(await stillRuns(exit)).toBe(true)
    tell(messageNumber(3n), 'stored')
    expect(await exit).toBe('done')
  })

  test('waits for the other side where it is asked to', async () => {
    const { script, tell, line } = scripted('one\n', { waitDelivered: true })
    const exit = script.run(Promise.resolve(BOB.conversation))
    line(UP)
    await settled()
    tell(1n, 'stored')
    expect(await stillRuns(exit)).toBe(true)
    tell(1n, 'delivered')
    expect(await exit).toBe('done')
  })

  test.each([
    ['up', UP, 'done'],
    ['down', DOWN, 'done'],
    ['stopped', BANNED, 'stopped'],
  ] as const)('with nothing to send waits for what the server says first: %s', async (_, said, end) => {
    // The input has ended before the server has answered, or after.
    const before = scripted('')
    const ended = before.script.run(Promise.resolve(BOB.conversation))
    before.line({ state: 'connecting' })
    expect(await stillRuns(ended)).toBe(true)
    before.line(said)
    expect(await ended).toBe(end)
    const after = scripted('')
    after.line(said)
    expect(await after.script.run(Promise.resolve(BOB.conversation))).toBe(end)
  })

  test('that sends a line which the server refuses says so at the end', async () => {
    const { script, tell, line } = scripted('one\ntwo\n')
    const exit = script.run(Promise.resolve(BOB.conversation))
    line(UP)
    await settled()
    tell(1n, 'failed')
    tell(messageNumber(2n), 'stored')
    expect(await exit).toBe('unsent')
  })

  test.each([
    ['everything is sent', ['stored'], 'done'],
    ['a line was refused', ['failed'], 'unsent'],
    ['a line waits', [], 'timeout'],
  ] as const)('that is interrupted while %s', async (_, states, end) => {
    const { script, tell, line } = scripted('one\n', { follow: true })
    const exit = script.run(Promise.resolve(BOB.conversation))
    line(UP)
    await settled()
    for (const state of states) tell(1n, state)
    script.interrupt()
    expect(await exit).toBe(end)
  })

  test('goes on after a line that is too long, and says at the end that it was not sent', async () => {
    const { script, sent, noted, tell, line } = scripted('one\nmuch too long\nthree\n')
    const exit = script.run(Promise.resolve(BOB.conversation))
    line(UP)
    await settled()
    for (const message of [1n, 2n]) tell(message, 'stored')
    expect(await exit).toBe('unsent')
    expect(sent).toEqual(['one', 'three'])
    expect(noted.join()).toContain(
      'not sent: the message is 13 bytes long; the limit is 10 bytes: send it in parts',
    )
  })

  test('ends when the line is stopped, by its reason', async () => {
    const full = { code: 'vault', vault: { code: 'full', file: 'vault.db' } } as const
    for (const [reason, cause, expected, said] of [
      ['revoked', { code: 'revoked' }, 'stopped', /^this device was revoked/],
      ['vault', full, 'failed', /^There is no room left to write vault.db/],
    ] as const) {
      const { script, noted } = scripted('one\n')
      const exit = script.run(Promise.resolve(BOB.conversation))
      script.onEvent({ type: 'line', line: { state: 'stopped', reason, cause } })
      expect(await exit).toBe(expected)
      expect(noted).toEqual([expect.stringMatching(said)])
    }
  })

  test.each([
    ['bob', 'block', {}, 'stopped'],
    ['bob', 'warn', {}, 'runs'],
    ['bob', 'block', { follow: true }, 'runs'],
    ['carol', 'block', {}, 'runs'],
  ] as const)(
    'with a changed key of %s, by the policy %s, with %j: %s',
    async (handle, policy, how, outcome) => {
      const event: EndpointEvent = {
        type: 'key-changed',
        handle,
        pinned: 'SHA256:a',
        seen: 'SHA256:b',
        policy,
      }
      const later = scripted('one\n', how)
      const exit = later.script.run(Promise.resolve(BOB.conversation))
      await settled()
      later.script.onEvent(event)
      const earlier = scripted('one\n', how)
      earlier.script.onEvent(event)
      for (const end of [exit, earlier.script.run(Promise.resolve(BOB.conversation))])
        if (outcome === 'runs') expect(await stillRuns(end)).toBe(true)
        else expect(await end).toBe(outcome)
    },
  )

  test('gives up in time, also where it is not known whom to write to', async () => {
    expect(await scripted('one\n', { timeoutMs: 1 }).script.run(Promise.resolve(BOB.conversation))).toBe(
      'timeout',
    )
    expect(await scripted('one\n', { timeoutMs: 1 }).script.run(new Promise(() => undefined))).toBe('timeout')
  })

  test('that follows ends only when it is stopped', async () => {
    const { script } = scripted('', { follow: true, timeoutMs: 1 })
    const exit = script.run(Promise.resolve(BOB.conversation))
    expect(await stillRuns(exit)).toBe(true)
    script.stop('done')
    expect(await exit).toBe('done')
  })

  test('fails where the conversation cannot be opened', async () => {
    await expect(scripted('x').script.run(Promise.reject(new Error('no operator')))).rejects.toThrow(
      'no operator',
    )
  })

  test('prints what arrives without what could steer a terminal', () => {
    const { script, printed, noted } = scripted('')
    script.onEvent(received)
    script.onEvent({
      type: 'message',
      entry: { ...received.entry, kind: 'gap', text: '', cause: { code: 'gap', from: 'bob', count: 1n } },
    })
    expect(printed).toHaveLength(1)
    expect(printed[0]).toMatch(/bob: hi/)
    expect(printed[0]).not.toContain('\u001b')
    expect(noted.join()).toContain('1 of what bob sent')
  })

  test('prints one JSON object a line for every event, where it is asked to', () => {
    const { script, printed } = scripted('', { json: true })
    script.onEvent(received)
    script.onEvent({ type: 'line', line: { state: 'up' } })
    script.onEvent({ type: 'presence', handle: 'bob', here: true })
    expect(printed.map(line => JSON.parse(line))).toEqual([
      {
        type: 'message',
        id: '1.9',
        peer: 'bob',
        from: 'bob',
        own: false,
        text: 'hi\u001b[31m',
        sentAt: '1970-01-01T00:00:00.000Z',
        state: 'received',
        sequence: 3,
      },
      { type: 'line', state: 'up' },
      { type: 'presence', handle: 'bob', here: true },
    ])
  })
})

describe('lines of a stream', () => {
  const linesOf = async (...chunks: (string | Buffer)[]) => {
    const lines: string[] = []
    for await (const line of readLines(Readable.from(chunks, { objectMode: false }))) lines.push(line)
    return lines
  }
  test('are whole, wherever the chunks are cut', async () => {
    const text = Buffer.from('één\n\n🙂\r\nlast')
    for (let at = 0; at <= text.length; at++)
      expect(await linesOf(text.subarray(0, at), text.subarray(at))).toEqual(['één', '', '🙂\r', 'last'])
  })

  test('end without one more where the text ends with a newline', async () => {
    expect(await linesOf('a\n')).toEqual(['a'])
    expect(await linesOf('')).toEqual([])
    expect(await linesOf('\n\n')).toEqual(['', ''])
  })
})

describe('a device that waits for the history', () => {
  const device = (number: number, more: Partial<DeviceView> = {}): DeviceView => ({
    ...{ id: deviceKey(new Uint8Array(32).fill(number)), name: '', fingerprint: `SHA256:${number}x` },
    ...{ isThis: false, since: new Date(0), lastHeard: undefined, isRevoked: false, waitsForHistory: true },
    ...more,
  })

  /** `devices`: as they are listed with each event that follows. */
  function giving(giveHistory: string | undefined, ...devices: DeviceView[][]) {
    const given: DeviceView['id'][] = []
    const endpoint = {
      devices: () => devices[0] ?? [],
      giveHistory: async (id: DeviceView['id']) => void given.push(id),
    }
    const made = scripted('', { follow: true, giveHistory, endpoint })
    const next = () => {
      made.script.onEvent({ type: 'devices' })
      devices.shift()
    }
    return { ...made, given, next, endpoint }
  }

  test('is handed it once, when it was named and waits', async () => {
    const named = device(1)
    const { given, next, line } = giving('SHA256:1x', [device(2)], [device(2), named], [named])
    next()
    expect(given).toEqual([])
    line({ state: 'up' })
    next()
    next()
    expect(given).toEqual([named.id])
  })

  test.each<[string, string | undefined, DeviceView]>([
    ['nobody named it', undefined, device(1)],
    ['it does not wait', 'SHA256:1x', device(1, { waitsForHistory: false })],
    ['it is this one', 'SHA256:1x', device(1, { isThis: true })],
  ])('is handed nothing where %s', (_, named, one) => {
    const { given, next } = giving(named, [one])
    next()
    expect(given).toEqual([])
  })

  test('is handed nothing where it was revoked meanwhile; another failure ends the script', async () => {
    const fails = (error: Error) => {
      const made = giving('SHA256:1x', [device(1)])
      made.endpoint.giveHistory = () => Promise.reject(error)
      const script = scripted('', { follow: true, giveHistory: 'SHA256:1x', endpoint: made.endpoint }).script
      const done = script.run(Promise.resolve(BOB.conversation))
      script.onEvent({ type: 'devices' })
      return { script, done }
    }
    const refused = fails(new Refusal({ code: 'already-revoked' }))
    await Promise.resolve()
    refused.script.stop('done')
    expect(await refused.done).toBe('done')
    await expect(fails(new Error('the disk is full')).done).rejects.toThrow('the disk is full')
  })
})
