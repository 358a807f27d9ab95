import { expect, test } from '@jest/globals'
import { Guard } from '../../../../services/server/guard/guard.js'
import type { GuardLimits } from '../../../../services/server/guard/guard-limits.js'

const MINUTE_MS = 60_000
const alice = new Uint8Array(32).fill(1)
const bob = new Uint8Array(32).fill(2)

function scene(limits: Partial<GuardLimits>) {
  const clock = { ms: 0 }
  const now = () => clock.ms
  const lines: Record<string, unknown>[] = []
  const log = { warn: (line: Record<string, unknown>) => void lines.push(line) }
  return { clock, lines, guard: new Guard({ limits, now, ticks: now, log }) }
}

test('an address has so many connections at once, whichever of its own it comes from', () => {
  const { guard, lines } = scene({ connectionsPerAddress: 2 })
  const leave = guard.connection('2001:db8::1')
  expect(leave).toBeDefined()
  expect(guard.connection('2001:db8::2')).toBeDefined()
  expect(guard.connection('2001:db8::3')).toBeUndefined()
  expect(guard.connection('2001:db8:0:1::3')).toBeDefined()
  expect(lines).toMatchObject([{ kind: 'connections', address: '2001:db8:0:0::/64' }])
  leave!()
  expect(guard.connection('2001:db8::3')).toBeDefined()
})

test('and so many new ones a minute, also when the former have ended', () => {
  const { guard, clock } = scene({ connectionsPerMinute: 3 })
  for (let count = 0; count < 3; count += 1) guard.connection('192.0.2.1')!()
  expect(guard.connection('192.0.2.1')).toBeUndefined()
  expect(guard.connection('192.0.2.2')).toBeDefined()
  clock.ms += MINUTE_MS / 3
  expect(guard.connection('192.0.2.1')).toBeDefined()
})

test('calls and registrations are counted by address, apart from each other', () => {
  const { guard, lines } = scene({ callsPerMinute: 1, registrationsPerHour: 1 })
  expect([guard.call('192.0.2.1'), guard.registration('192.0.2.1')]).toEqual([0, 0])
  expect(guard.call('192.0.2.1')).toBe(MINUTE_MS)
  expect(guard.registration('192.0.2.1')).toBe(60 * MINUTE_MS)
  expect(guard.call('192.0.2.2')).toBe(0)
  expect(lines.map(({ kind }) => kind)).toEqual(['calls', 'registrations'])
})

test('look-ups, claims and conversations are counted by account', () => {
  const { guard, lines } = scene({ lookupsPerMinute: 10, claimsPerHour: 10, conversationsPerHour: 1 })
  expect(guard.lookups(alice, 10)).toBe(0)
  expect(guard.lookups(alice, 5)).toBe(MINUTE_MS / 2)
  expect(guard.lookups(bob, 10)).toBe(0)
  expect(guard.lookups(alice, 0)).toBe(0)
  expect([guard.claims(alice, 10), guard.claims(bob, 10)]).toEqual([0, 0])
  expect(guard.claims(alice, 1)).toBeGreaterThan(0)
  expect([guard.conversation(alice), guard.conversation(bob)]).toEqual([0, 0])
  expect(guard.conversation(alice)).toBeGreaterThan(0)
  const account = expect.stringMatching(/^SHA256:.{43}$/)
  expect(lines).toMatchObject([
    { kind: 'lookups', account, count: 5 },
    { kind: 'claims', account },
    { kind: 'conversations', account },
  ])
})

test('one account gets so many key packages of another, and all together so many of one', () => {
  const { guard } = scene({ claimsOfOnePerHour: 2, claimsOfAllPerHour: 3 })
  const given = (account: Uint8Array, target: string) => guard.givesOneTime(account, target)
  expect([given(alice, 'carol'), given(alice, 'carol'), given(alice, 'carol')]).toEqual([true, true, false])
  expect(given(alice, 'dave')).toBe(true)
  expect([given(bob, 'carol'), given(bob, 'carol')]).toEqual([true, false])
})

test('a sweep tells what has gathered', () => {
  const { guard, lines, clock } = scene({})
  for (let count = 0; count < 3; count += 1) guard.refusedSends('sends', alice, 2)
  guard.silentCall('192.0.2.1')
  clock.ms += MINUTE_MS
  guard.sweep()
  expect(lines.map(({ kind, count }) => [kind, count])).toEqual([
    ['sends', 2],
    ['silent-calls', 1],
    ['sends', 4],
  ])
  expect(guard.abuse.counts()[0]).toMatchObject({ kind: 'sends', count: 6 })
})
