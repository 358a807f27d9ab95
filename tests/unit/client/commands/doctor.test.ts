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
  found: 'it was lost',
  remedy: 'wait',
}
const asked: Finding = { ...lost, did: 'asked again' }
const fine: Finding = { ...lost, verdict: 'well', found: 'epoch 3' }
const blocked: Finding = {
  area: 'conversation',
  check: 'trust',
  peer: 'eve',
  verdict: 'note',
  found: 'blocked',
}

test('what was wrong and is well after it was acted on is repaired, and needs nobody any more', () => {
  const treatment = outcomeOf([asked, blocked], [fine, blocked])
  expect(treatment).toEqual({
    healthy: true,
    findings: [blocked, { ...asked, remedy: undefined, verdict: 'repaired' }],
  })
  expect(summaryLine(treatment)).toBe('nothing is wrong, 1 repaired')
})

test('what is still wrong is told with what was done', () => {
  const treatment = outcomeOf([asked], [lost])
  expect(treatment).toEqual({ healthy: false, findings: [asked] })
  expect(summaryLine(treatment)).toBe('1 wrong')
  expect(jsonOfTreatment(treatment)).toEqual([
    { type: 'finding', ...asked },
    { type: 'doctor', healthy: false },
  ])
})

test('a finding is one line, and nothing of it can steer the terminal', () => {
  const line = findingLine({ ...asked, peer: '#te\u001b[2Ja', found: 'it\nwas lost' })
  expect(line).toMatch(/^WRONG +conversation #te.*: it.was lost; done: asked again; to do: wait$/)
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
