import { expect, test } from '@jest/globals'
import { AbuseLog } from '../../../../services/server/guard/abuse-log.js'

const MINUTE_MS = 60_000
const here = { address: '192.0.2.1' }
const there = { account: 'SHA256:x' }

function scene() {
  const clock = { ms: 1e12 }
  const lines: unknown[] = []
  const log = new AbuseLog({ log: { warn: (line: unknown) => void lines.push(line) }, now: () => clock.ms })
  return { clock, lines, log }
}

test('the first is told at once, those after it in one line a minute, and nothing when it is quiet', () => {
  const { clock, lines, log } = scene()
  for (let count = 0; count < 5; count += 1) log.note('calls', here)
  expect(lines).toEqual([{ kind: 'calls', ...here, count: 1 }])
  clock.ms += MINUTE_MS - 1
  log.sweep()
  expect(lines).toHaveLength(1)
  clock.ms += 1
  log.sweep()
  expect(lines[1]).toEqual({ kind: 'calls', ...here, count: 4 })
  log.note('calls', here, 7)
  clock.ms += MINUTE_MS
  log.sweep()
  clock.ms += MINUTE_MS
  log.sweep()
  expect(lines.slice(2)).toEqual([{ kind: 'calls', ...here, count: 7 }])
  log.note('calls', here)
  expect(lines).toHaveLength(4)
})

test('each kind and each subject has lines of its own', () => {
  const { lines, log } = scene()
  log.note('calls', here)
  log.note('claims', there)
  log.note('calls', there)
  expect(lines).toHaveLength(3)
})

test('the counts are of all since the start, the most frequent first, with who was the last', () => {
  const { clock, log } = scene()
  log.note('calls', here)
  clock.ms += 5
  log.note('claims', here, 10)
  log.note('calls', there)
  expect(log.counts()).toEqual([
    { kind: 'claims', count: 10, lastAt: clock.ms, last: 'address 192.0.2.1' },
    { kind: 'calls', count: 2, lastAt: clock.ms, last: 'account SHA256:x' },
  ])
})

test('of very many subjects some are in the counts only', () => {
  const { lines, log } = scene()
  for (let count = 0; count < 3_000; count += 1) log.note('calls', { address: `${count}` })
  expect(lines).toHaveLength(1_000)
  expect(log.counts()).toMatchObject([{ count: 3_000, last: 'address 2999' }])
})
