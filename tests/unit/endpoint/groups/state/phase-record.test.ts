import { expect, test } from '@jest/globals'
import { phaseOf, phaseRecord } from '../../../../../services/endpoint/groups/state/phase-record.js'
import { recordOf } from '../../../../../services/endpoint/vault/records.js'

test('a phase is kept as it is', () => {
  for (const phase of [
    { name: 'creating' },
    { name: 'active' },
    { name: 'committing' },
    { name: 'requested' },
    { name: 'out-of-sync', askDue: true, leaveDue: false },
    { name: 'out-of-sync', askDue: false, leaveDue: true },
    { name: 'broken', succeedAtMs: 7, leaveDue: false },
    { name: 'broken', succeedAtMs: 0, leaveDue: true },
    { name: 'leaving', leaveDue: true, commitOut: false },
    { name: 'leaving', leaveDue: false, commitOut: true },
    { name: 'ended', why: 'removed' },
    { name: 'ended', why: 'left' },
    { name: 'ended', why: 'abandoned' },
    { name: 'ended', why: 'replaced' },
    { name: 'ended', why: 'succeeded' },
  ] as const)
    expect(phaseOf(recordOf('groups', phaseRecord(phase)))).toEqual(phase)
})

test('a phase that only a newer version knows is over for this one', () => {
  expect(phaseOf(recordOf('groups', {}))).toEqual({ name: 'ended', why: 'abandoned' })
  expect(phaseOf(recordOf('groups', { phase: { case: 'ended', value: {} } }))).toEqual({
    ...{ name: 'ended', why: 'abandoned' },
  })
})
