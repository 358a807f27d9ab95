// Commands about others, against an endpoint that only notes what it is asked.

import { describe, expect, test } from '@jest/globals'
import type { OperatorActions } from '../../../../services/client/commands/command.js'
import { safetyQr } from '../../../../services/client/commands/safety-qr.js'
import { ShownKeys } from '../../../../services/client/commands/shown-keys.js'
import { requestRows } from '../../../../services/client/words/commands.js'
import { type Standing, trustMark, whyNotSent } from '../../../../services/client/words/people.js'
import { conversationNumber } from '../../../../services/endpoint/ids.js'
import {
  type HistoryEntry,
  type PersonHere,
  Refusal,
  type RefusalCause,
  type RoomView,
} from '../../../../services/endpoint/index.js'
import { runCommand } from '../../../support/commands.js'

const NUMBER = Array.from({ length: 12 }, (_, at) => `${10_000 + at}`).join(' ')
const BOB: PersonHere = {
  handle: 'bob',
  conversation: conversationNumber(7n),
  here: true,
  lastHeard: undefined,
  state: 'ready',
  verified: false,
}
interface With {
  person?: Partial<PersonHere>
  operator?: OperatorActions
  link?: string
  refuses?: RefusalCause
  shownKeys?: ShownKeys
}

/** Runs a line to bob; what was said and warned, and what the endpoint was asked for. */
async function run(line: string, { person = {}, operator, link, refuses, shownKeys }: With = {}) {
  const asked: string[] = []
  const act = (what: string) => async (handle: string, shown?: string) => {
    if (refuses) throw new Refusal(refuses)
    asked.push([what, handle, ...(shown ? [shown] : [])].join(' '))
  }
  const ran = await runCommand(line, {
    target: { title: 'bob', conversation: conversationNumber(7n) },
    operator,
    ...(shownKeys && { shownKeys }),
    endpoint: {
      person: number => (number === BOB.conversation ? { ...BOB, ...person } : undefined),
      server: () => ({ host: 'here', port: 1, fingerprint: undefined }),
      verify: handle => {
        if (refuses) throw new Refusal(refuses)
        return {
          number: NUMBER,
          fingerprint: 'SHA256:looked-at',
          isNew: handle === 'anew',
          isVerified: person.verified === true,
        }
      },
      markVerified: act('verified'),
      accept: act('accept'),
      block: act('block'),
      admit: act('admit'),
      decline: act('decline'),
      requests: () => [],
      unblock: act('unblock'),
      inviteLink: () => link,
    },
  })
  return { ...ran, asked }
}

const operator = (banned: string[] = []): OperatorActions => ({
  inviteLink: async () => 'parley://there:1/?s=x&t=y',
  ban: async handle => void banned.push(handle),
  unban: async handle => banned.includes(handle),
  bans: async () => banned.map(name => ({ name, bannedAt: new Date(0) })),
  abuse: () => banned.map(name => ({ kind: 'claims', count: 7, last: name, lastAt: new Date(0) })),
})

describe('/verify', () => {
  test('shows all digits, the code, how to compare and what to type then', async () => {
    const { said } = await run('/verify bob')
    expect(said).toHaveLength(1)
    for (const group of NUMBER.split(' ')) expect(said[0]?.text).toContain(group)
    expect(said[0]?.text).toMatch(/\/verify alice[\s\S]*: \/verified bob\./)
    expect(said[0]?.figure).toEqual(safetyQr(NUMBER))
  })

  test('of a changed key says so, and that accepting comes first', async () => {
    const { said } = await run('/verify anew')
    expect(said[0]?.text).toMatch(/new key[\s\S]*\/accept anew and \/verified anew/)
  })

  test('without a handle is about whom one writes to', async () => {
    expect((await run('/verified')).asked).toEqual(['verified bob'])
  })
})

test.each(['verified', 'block', 'unblock'])('/%s asks the endpoint, and says what it refuses', async name => {
  expect((await run(`/${name} carol`)).asked).toEqual([`${name} carol`])
  const refuses = { code: 'key-unknown', handle: 'carol' } as const
  const warned = ['the key of carol is not known yet: it is pinned at the first contact']
  expect(await run(`/${name} carol`, { refuses })).toMatchObject({ warned, asked: [] })
  expect(await run(`/${name} alice`)).toMatchObject({ warned: ['that is you'], asked: [] })
})

describe('those who wait to be let in', () => {
  test('are listed with what they say', async () => {
    expect((await run('/requests')).said[0]?.text).toBe('nobody waits to be let in')
    const line = (text: string) => ({ kind: 'text', text }) as HistoryEntry
    const rows = requestRows({
      ...{ peer: '#tea', from: 'bob~abcdefgh', conversation: conversationNumber(7n) },
      lines: ['one', 'two', 'three', 'four'].map(line),
    })
    expect(rows).toEqual(['bob~abcdefgh, into #tea', '  one', '  two', '  three', '  and 1 more line'])
  })

  test.each(['admit', 'decline'])('/%s decides, and says what is refused', async name => {
    expect((await run(`/${name} bob~abcdefgh`)).asked).toEqual([`${name} bob~abcdefgh`])
    expect((await run(`/${name}`)).warned).toHaveLength(1)
    const refuses = { code: 'no-request', handle: 'bob' } as const
    expect((await run(`/${name} bob`, { refuses })).warned[0]).toContain('/requests')
  })
})

describe('/accept', () => {
  test('is of the key that the person was told of first, or has looked at since', async () => {
    const shownKeys = new ShownKeys()
    shownKeys.told('bob', 'SHA256:told-of')
    shownKeys.told('bob', 'SHA256:swapped-in')
    expect((await run('/accept bob', { shownKeys })).asked).toEqual(['accept bob SHA256:told-of'])
    shownKeys.told('bob', 'SHA256:told-of')
    await run('/verify bob', { shownKeys })
    shownKeys.told('bob', 'SHA256:swapped-in')
    expect((await run('/verified bob', { shownKeys })).asked).toEqual(['verified bob SHA256:looked-at'])
    expect((await run('/accept bob', { shownKeys })).asked).toEqual(['accept bob SHA256:looked-at'])
    expect(shownKeys.of('bob')).toBeUndefined()
  })

  test('of a key that was not shown since the start shows it first', async () => {
    const shownKeys = new ShownKeys()
    const { said, warned, asked } = await run('/accept anew', { shownKeys })
    expect(said[0]?.text).toMatch(/new key/)
    expect(warned).toEqual(['nothing is accepted yet: compare this, then /accept anew'])
    expect(asked).toEqual([])
    expect((await run('/accept anew', { shownKeys })).asked).toEqual(['accept anew SHA256:looked-at'])
  })

  test('says what is refused, and goes by what was shown still', async () => {
    const shownKeys = new ShownKeys()
    shownKeys.told('bob', 'SHA256:a')
    const refuses = { code: 'key-swapped', handle: 'bob', shown: 'SHA256:a', seen: 'SHA256:b' } as const
    const { warned } = await run('/accept bob', { shownKeys, refuses })
    expect(warned[0]).toMatch(/another key by now[\s\S]*SHA256:a[\s\S]*SHA256:b[\s\S]*\/verify bob/)
    expect(shownKeys.of('bob')).toBe('SHA256:a')
  })
})

describe('/invite-link', () => {
  test("is the client's own, which has no token", async () => {
    const { said } = await run('/invite-link', { link: 'parley://here:1/?s=x' })
    expect(said[0]?.figure).toEqual(['parley://here:1/?s=x'])
  })

  test("is the server's at the operator's console", async () => {
    const { said } = await run('/invite-link', { operator: operator(), link: 'parley://localhost:1/?s=x' })
    expect(said[0]?.figure).toEqual(['parley://there:1/?s=x&t=y'])
  })

  test('is an address where the server is known by an authority', async () => {
    expect((await run('/invite-link')).warned[0]).toContain('here:1')
  })
})

describe('bans', () => {
  test("are for the operator's console", async () => {
    for (const line of ['/ban bob', '/unban bob', '/bans', '/abuse'])
      expect((await run(line)).warned).toEqual(["that is for the server's operator"])
  })

  test('take a handle, and not the own one', async () => {
    const banned: string[] = []
    const place = { operator: operator(banned) }
    for (const line of ['/ban', '/ban Bob', '/ban alice', '/unban', '/unban bob'])
      expect((await run(line, place)).warned).toHaveLength(1)
    expect(banned).toEqual([])
    expect((await run('/bans', place)).said[0]?.text).toBe('nobody is banned')
    await run('/ban bob', place)
    expect((await run('/bans', place)).said[0]?.text).toBe('bob  since 1970-01-01')
    expect((await run('/unban bob', place)).said).toHaveLength(1)
  })
})

test('/abuse says who was held back, in a row for each kind', async () => {
  expect((await run('/abuse', { operator: operator() })).said[0]?.text).toBe(
    'nobody was held back since the start',
  )
  const { said } = await run('/abuse', { operator: operator(['account SHA256:x', 'account SHA256:y']) })
  expect(said[0]?.text.split('\n')[0]).toBe(
    '7 key packages not handed out, to accounts that claim too many; the last: account SHA256:x, 1970-01-01 00:00 UTC',
  )
  expect(said[0]?.text.split('\n')).toHaveLength(2)
})

describe('the mark behind a handle', () => {
  const endpoint = (person: Partial<PersonHere>, state: RoomView['state'] = 'ready'): Standing => ({
    person: number => (number === BOB.conversation ? { ...BOB, ...person } : undefined),
    conversation(number) {
      if (number === BOB.conversation) return { number, kind: 'direct', peer: 'bob' }
      return number === conversationNumber(9n) ? { number, kind: 'room', peer: '#tea' } : undefined
    },
    room: () => ({ name: 'tea', topic: '', historyDays: 0, members: [], isAdmin: false, state }),
  })
  test('is for who is verified, and for whom nothing is sent to', () => {
    expect(trustMark(endpoint({}), conversationNumber(7n))).toBe('')
    expect(trustMark(endpoint({ verified: true }), conversationNumber(7n))).toBe(' ✔')
    expect(trustMark(endpoint({ state: 'key-changed' }), conversationNumber(7n))).toBe(' ✗')
    expect(trustMark(endpoint({ state: 'blocked', verified: true }), conversationNumber(7n))).toBe(' ✗')
    expect(trustMark(endpoint({ verified: true }), conversationNumber(8n))).toBe('')
    expect(trustMark(endpoint({}), conversationNumber(9n))).toBe('')
    expect(trustMark(endpoint({}, 'ended'), conversationNumber(9n))).toBe(' ✗')
  })

  test('says why, where a line waits because of it', () => {
    expect(whyNotSent(endpoint({ state: 'opening' }), conversationNumber(7n))).toBeUndefined()
    expect(whyNotSent(endpoint({ state: 'key-changed' }), conversationNumber(7n))).toContain('/accept bob')
    expect(whyNotSent(endpoint({ state: 'blocked' }), conversationNumber(7n))).toContain('/unblock bob')
  })
})
