// The doctor's report: what was repaired, what is left, in one line each.

import { expect, test } from '@jest/globals'
import {
  findingLine,
  jsonOfTreatment,
  outcomeOf,
  summaryLine,
  treat,
} from '../../../../services/client/commands/doctor.js'
import type { Finding } from '../../../../services/endpoint/doctor/finding.js'

const lost: Finding = {
  area: 'conversation',
  check: 'group',
  peer: '#tea',
  verdict: 'problem',
  found: { code: 'state-lost', isLeaving: false, askedAt: undefined },
}
const asked: Finding = { ...lost, did: { code: 'asked-to-rejoin' } }
const fine: Finding = { ...lost, verdict: 'well', found: { code: 'from-history' } }
const blocked: Finding = {
  area: 'conversation',
  check: 'trust',
  peer: 'eve',
  verdict: 'note',
  found: { code: 'blocked', handle: 'eve' },
}

test('what was wrong and is well after it was acted on is repaired, and needs nobody any more', () => {
  const treatment = outcomeOf([asked, blocked], [fine, blocked])
  expect(treatment).toEqual({
    healthy: true,
    findings: [blocked, { ...asked, verdict: 'repaired' }],
  })
  expect(summaryLine(treatment)).toBe('nothing is wrong, 1 repaired')
})

test('what is still wrong is told with what was done', () => {
  const treatment = outcomeOf([asked], [lost])
  expect(treatment).toEqual({ healthy: false, findings: [asked] })
  expect(summaryLine(treatment)).toBe('1 wrong')
  expect(jsonOfTreatment(treatment)).toEqual([
    {
      type: 'finding',
      area: 'conversation',
      check: 'group',
      peer: '#tea',
      verdict: 'problem',
      found: 'this device missed a change of it and has to be taken in again',
      code: 'state-lost',
      data: { isLeaving: false },
      did: 'asked again to be taken in',
      deed: { code: 'asked-to-rejoin' },
      remedy: 'another member has to be connected: theirs does it by itself',
    },
    { type: 'doctor', healthy: false },
  ])
})

test('a finding is one line, and nothing of it can steer the terminal', () => {
  const line = findingLine({
    ...asked,
    peer: '#te\u001b[2Ja',
    found: { code: 'gap', handle: 'e\nve', count: 1 },
  })
  expect(line).toMatch(
    /^WRONG +conversation #te.*: 1 of what e.ve sent did not arrive; done: asked again to be taken in; to do: their device has to be connected$/,
  )
  expect(line).not.toMatch(/\p{Cc}/u)
})

test('a repair is waited for as long as it may take, and no longer', async () => {
  let looks = 0
  const endpoint = (healsAt: number) => ({
    repair: async () => [asked],
    examine: async () => (++looks >= healsAt ? [fine] : [lost]),
  })
  expect(await treat(endpoint(2))).toMatchObject({ healthy: true })
  looks = 0
  expect(await treat(endpoint(Number.POSITIVE_INFINITY), { timeoutMs: 1 })).toMatchObject({ healthy: false })
})
