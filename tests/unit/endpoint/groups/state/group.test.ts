import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  can,
  created,
  GROUP_ACTIONS,
  type GroupAction,
  type GroupPhase,
  isIn,
  joined,
  type PhaseName,
} from '../../../../../services/endpoint/groups/state/group.js'
import {
  type GroupEffect,
  type GroupInput,
  next,
} from '../../../../../services/endpoint/groups/state/transitions.js'

const active: GroupPhase = { name: 'active' }
const committing: GroupPhase = { name: 'committing' }
const creating: GroupPhase = { name: 'creating' }
const leaving = (given: Partial<Extract<GroupPhase, { name: 'leaving' }>> = {}): GroupPhase => ({
  name: 'leaving',
  leaveDue: false,
  commitOut: false,
  ...given,
})
const outOfSync = (given: Partial<Extract<GroupPhase, { name: 'out-of-sync' }>> = {}): GroupPhase => ({
  name: 'out-of-sync',
  askDue: false,
  leaveDue: false,
  ...given,
})
const broken = (given: Partial<Extract<GroupPhase, { name: 'broken' }>> = {}): GroupPhase => ({
  name: 'broken',
  succeedAtMs: 5,
  leaveDue: false,
  ...given,
})
const requested: GroupPhase = { name: 'requested' }
const ended: GroupPhase = { name: 'ended', why: 'removed' }

const PHASES: readonly GroupPhase[] = [
  creating,
  active,
  committing,
  outOfSync(),
  outOfSync({ askDue: true }),
  outOfSync({ leaveDue: true }),
  outOfSync({ askDue: true, leaveDue: true }),
  leaving(),
  leaving({ leaveDue: true }),
  leaving({ commitOut: true }),
  leaving({ leaveDue: true, commitOut: true }),
  broken(),
  broken({ leaveDue: true }),
  requested,
  ended,
]

const INPUTS: readonly GroupInput[] = [
  { input: 'commit-made' },
  { input: 'commit-won' },
  { input: 'commit-dropped' },
  { input: 'commit-applied' },
  { input: 'removed' },
  { input: 'state-lost', askedLately: false },
  { input: 'state-lost', askedLately: true },
  { input: 'ask', askedLately: false },
  { input: 'ask', askedLately: true },
  { input: 'broken', succeedAtMs: 5 },
  { input: 'succeeded' },
  { input: 'joined' },
  { input: 'leave', alone: false },
  { input: 'leave', alone: true },
  { input: 'left-elsewhere' },
  { input: 'leave-sealed' },
  { input: 'leave-put-back' },
  { input: 'abandoned' },
  { input: 'replaced' },
  { input: 'held' },
  { input: 'admitted' },
  { input: 'declined' },
]

describe('what can be done in a group', () => {
  // The table as a reader of the design would draw it; a row of the code that says otherwise has to be argued for here.
  test.each<[string, GroupPhase, GroupAction[]]>([
    ['whose first commit is on its way', creating, ['adopt', 'intend', 'show']],
    ['that is in use', active, ['commit', 'intend', 'open', 'say-presence', 'send', 'show', 'tell-devices']],
    [
      'in which a commit of this device is on its way',
      committing,
      ['adopt', 'intend', 'open', 'say-presence', 'send', 'show', 'tell-devices'],
    ],
    ['whose state was lost', outOfSync(), ['ask-to-rejoin', 'join', 'show']],
    ['whose state was lost and that is left', outOfSync({ leaveDue: true }), ['ask-to-rejoin', 'join']],
    ['that was broken', broken(), ['join', 'open', 'show']],
    ['that was broken and is left', broken({ leaveDue: true }), ['join']],
    ['that somebody asks for', requested, ['open', 'show']],
    ['that was left', leaving(), ['open']],
    ['that is left without having said so', leaving({ leaveDue: true }), ['open', 'say-leave']],
    ['that was left while a commit was on its way', leaving({ commitOut: true }), ['adopt', 'open']],
    ['that is over', ended, ['join', 'open', 'show']],
    ['that is over because nothing is taken', { name: 'ended', why: 'abandoned' }, ['join', 'open', 'show']],
    ['that is over because this account left', { name: 'ended', why: 'left' }, ['join']],
    ['that went on in another one', { name: 'ended', why: 'succeeded' }, ['join', 'open', 'show']],
    ['that another one took the place of', { name: 'ended', why: 'replaced' }, ['join']],
  ])('%s', (_, phase, expected) => {
    expect(GROUP_ACTIONS.filter(action => can(phase, action)).sort()).toEqual(expected)
  })
})

test('an account is in a group in use or that it is taken into again, and in none that it leaves or that is over', () => {
  const [inside, outside] = [PHASES.filter(isIn), PHASES.filter(phase => !isIn(phase))]
  expect(inside).toEqual([active, committing, outOfSync(), outOfSync({ askDue: true }), broken()])
  expect(outside.map(({ name }) => name).sort()).toEqual([
    ...[
      'broken',
      'creating',
      'ended',
      'leaving',
      'leaving',
      'leaving',
      'leaving',
      'out-of-sync',
      'out-of-sync',
    ],
    'requested',
  ])
})

describe('transitions', () => {
  test.each<[string, GroupPhase, GroupInput, GroupPhase, GroupEffect[]]>([
    ['a first commit that won', creating, { input: 'commit-won' }, active, ['forget-pending', 'tell-ready']],
    ['a stranger who has to be let in', active, { input: 'held' }, requested, ['drop-intents']],
    ['a stranger who is let in', requested, { input: 'admitted' }, active, []],
    [
      'a stranger who is not',
      requested,
      { input: 'declined' },
      { name: 'ended', why: 'left' },
      ['fail-texts'],
    ],
    ['a stranger who removes this device', requested, { input: 'removed' }, ended, ['fail-texts']],
    ['a commit that won', committing, { input: 'commit-won' }, active, ['forget-pending']],
    [
      'a commit that lost',
      committing,
      { input: 'commit-dropped' },
      active,
      ['forget-pending', 'withdraw-commit'],
    ],
    [
      'a commit of another before that of this device',
      committing,
      { input: 'commit-applied' },
      active,
      ['forget-pending'],
    ],
    [
      'a state that was lost',
      committing,
      { input: 'state-lost', askedLately: false },
      outOfSync(),
      ['drop-intents', 'forget-pending', 'withdraw-commit', 'ask-to-rejoin'],
    ],
    [
      'a state that was lost again soon after',
      active,
      { input: 'state-lost', askedLately: true },
      outOfSync({ askDue: true }),
      ['drop-intents', 'forget-pending', 'withdraw-commit'],
    ],
    [
      'a request that had to wait',
      outOfSync({ askDue: true }),
      { input: 'ask', askedLately: false },
      outOfSync(),
      ['ask-to-rejoin'],
    ],
    ['a welcome after a request', outOfSync(), { input: 'joined' }, active, []],
    [
      'a welcome to a device that could not say that it leaves',
      outOfSync({ leaveDue: true }),
      { input: 'joined' },
      leaving({ leaveDue: true }),
      [],
    ],
    [
      'leaving while a commit is on its way',
      committing,
      { input: 'leave', alone: false },
      leaving({ leaveDue: true, commitOut: true }),
      ['drop-intents', 'fail-texts', 'tell-left'],
    ],
    [
      'leaving without the state',
      outOfSync(),
      { input: 'leave', alone: false },
      outOfSync({ leaveDue: true }),
      ['drop-intents', 'fail-texts', 'tell-left'],
    ],
    [
      'leaving alone',
      active,
      { input: 'leave', alone: true },
      { name: 'ended', why: 'left' },
      ['drop-intents', 'fail-texts', 'tell-left'],
    ],
    [
      'leaving alone while a commit is on its way',
      committing,
      { input: 'leave', alone: true },
      { name: 'ended', why: 'left' },
      ['forget-pending', 'withdraw-commit', 'drop-intents', 'fail-texts', 'tell-left'],
    ],
    [
      'leaving before anybody else is in it',
      creating,
      { input: 'leave', alone: false },
      { name: 'ended', why: 'left' },
      ['forget-pending', 'withdraw-commit', 'drop-intents', 'fail-texts', 'tell-left'],
    ],
    [
      'leaving on this device',
      active,
      { input: 'leave', alone: false },
      leaving({ leaveDue: true }),
      ['drop-intents', 'fail-texts', 'tell-left'],
    ],
    [
      'leaving on another device',
      active,
      { input: 'left-elsewhere' },
      leaving(),
      ['drop-intents', 'fail-texts', 'tell-left'],
    ],
    [
      'leaving on another device while a commit is on its way',
      committing,
      { input: 'left-elsewhere' },
      leaving({ commitOut: true }),
      ['drop-intents', 'fail-texts', 'tell-left'],
    ],
    [
      'leaving again',
      outOfSync({ leaveDue: true }),
      { input: 'leave', alone: false },
      outOfSync({ leaveDue: true }),
      [],
    ],
    ['a leave that was sealed', leaving({ leaveDue: true }), { input: 'leave-sealed' }, leaving(), []],
    ['a leave that was not taken', leaving(), { input: 'leave-put-back' }, leaving({ leaveDue: true }), []],
    [
      'a removal',
      active,
      { input: 'removed' },
      { name: 'ended', why: 'removed' },
      ['forget-pending', 'drop-intents', 'fail-texts', 'tell-removed'],
    ],
    [
      'the removal that was asked for',
      leaving(),
      { input: 'removed' },
      { name: 'ended', why: 'left' },
      ['forget-pending'],
    ],
    [
      'a removal while a commit is on its way',
      committing,
      { input: 'removed' },
      { name: 'ended', why: 'removed' },
      ['forget-pending', 'drop-intents', 'fail-texts', 'tell-removed'],
    ],
    ['a commit that is made', active, { input: 'commit-made' }, committing, []],
    ['a commit of another', active, { input: 'commit-applied' }, active, []],
    [
      'a first commit that is refused',
      creating,
      { input: 'commit-dropped' },
      { name: 'ended', why: 'abandoned' },
      ['forget-pending', 'withdraw-commit', 'drop-intents', 'put-back'],
    ],
    [
      'a commit that won after leaving',
      leaving({ commitOut: true }),
      { input: 'commit-won' },
      leaving(),
      ['forget-pending'],
    ],
    [
      'a commit that lost after leaving',
      leaving({ leaveDue: true, commitOut: true }),
      { input: 'commit-dropped' },
      leaving({ leaveDue: true }),
      ['forget-pending', 'withdraw-commit'],
    ],
    [
      'a commit of another after leaving',
      leaving({ leaveDue: true, commitOut: true }),
      { input: 'commit-applied' },
      leaving({ leaveDue: true }),
      ['forget-pending'],
    ],
    [
      'a state that was lost before it was said that this account leaves',
      leaving({ leaveDue: true }),
      { input: 'state-lost', askedLately: true },
      outOfSync({ askDue: true, leaveDue: true }),
      ['drop-intents', 'forget-pending', 'withdraw-commit'],
    ],
    [
      'a state that was lost once more, a while after',
      outOfSync({ askDue: true }),
      { input: 'state-lost', askedLately: false },
      outOfSync(),
      ['ask-to-rejoin'],
    ],
    [
      'a state that was lost once more, soon after',
      outOfSync(),
      { input: 'state-lost', askedLately: true },
      outOfSync(),
      [],
    ],
    [
      'a request that has to wait on',
      outOfSync({ askDue: true }),
      { input: 'ask', askedLately: true },
      outOfSync({ askDue: true }),
      [],
    ],
    [
      'a commit that nobody may take',
      active,
      { input: 'broken', succeedAtMs: 7 },
      broken({ succeedAtMs: 7 }),
      ['forget-pending', 'withdraw-commit', 'put-back'],
    ],
    [
      'a commit that nobody may take while one of this device is on its way',
      committing,
      { input: 'broken', succeedAtMs: 7 },
      broken({ succeedAtMs: 7 }),
      ['forget-pending', 'withdraw-commit', 'put-back'],
    ],
    [
      'a commit that nobody may take before it was said that this account leaves',
      leaving({ leaveDue: true, commitOut: true }),
      { input: 'broken', succeedAtMs: 7 },
      broken({ succeedAtMs: 7, leaveDue: true }),
      ['forget-pending', 'withdraw-commit', 'put-back'],
    ],
    [
      'a commit that nobody may take after it was said: it is to be said in the next group',
      leaving(),
      { input: 'broken', succeedAtMs: 7 },
      broken({ succeedAtMs: 7, leaveDue: true }),
      ['forget-pending', 'withdraw-commit', 'put-back'],
    ],
    [
      'a state that several have lost together',
      outOfSync({ leaveDue: true }),
      { input: 'broken', succeedAtMs: 7 },
      broken({ succeedAtMs: 7, leaveDue: true }),
      ['forget-pending', 'withdraw-commit', 'put-back'],
    ],
    [
      'another time for the next group',
      broken({ leaveDue: true }),
      { input: 'broken', succeedAtMs: 7 },
      broken({ succeedAtMs: 7, leaveDue: true }),
      [],
    ],
    ['a welcome to a group that seemed broken', broken(), { input: 'joined' }, active, []],
    [
      'the same, for a device that could not say that it leaves',
      broken({ leaveDue: true }),
      { input: 'joined' },
      leaving({ leaveDue: true }),
      [],
    ],
    [
      'leaving a group that is broken',
      broken(),
      { input: 'leave', alone: false },
      broken({ leaveDue: true }),
      ['drop-intents', 'fail-texts', 'tell-left'],
    ],
    [
      'leaving it again',
      broken({ leaveDue: true }),
      { input: 'leave', alone: false },
      broken({ leaveDue: true }),
      [],
    ],
    [
      'what is not taken any more of a group that is broken, which goes on all the same',
      broken(),
      { input: 'abandoned' },
      broken(),
      ['put-back'],
    ],
    [
      'another one in the place of a group that is broken',
      broken(),
      { input: 'replaced' },
      { name: 'ended', why: 'replaced' },
      ['drop-intents'],
    ],
    [
      'a state that is lost of a group that is broken',
      broken(),
      { input: 'state-lost', askedLately: false },
      broken(),
      [],
    ],
    ['a stranger’s group that is broken', requested, { input: 'broken', succeedAtMs: 7 }, requested, []],
    ['a new invitation', ended, { input: 'joined' }, active, []],
    ['what is not taken after the end', ended, { input: 'abandoned' }, ended, ['put-back']],
  ])('%s', (_, phase, input, expected, effects) => {
    expect(next(phase, input)).toEqual({ phase: expected, effects })
  })

  test.each<[string, GroupPhase, GroupEffect[], GroupEffect[]]>([
    ['whose first commit is on its way', creating, ['withdraw-commit', 'drop-intents'], ['put-back']],
    ['that is in use', active, ['drop-intents'], ['put-back']],
    ['in which a commit of this device is on its way', committing, ['drop-intents'], ['put-back']],
  ])(
    'a group %s ends when nothing is taken, or another one takes its place',
    (_, phase, effects, abandoned) => {
      expect(next(phase, { input: 'abandoned' })).toEqual({
        phase: { name: 'ended', why: 'abandoned' },
        effects: ['forget-pending', ...effects, ...abandoned],
      })
      expect(next(phase, { input: 'replaced' })).toEqual({
        phase: { name: 'ended', why: 'replaced' },
        effects: ['forget-pending', ...effects],
      })
    },
  )

  test('a group without its state, or that was left, ends when nothing is taken or another one takes its place', () => {
    const end = (phase: GroupPhase) =>
      (['abandoned', 'replaced'] as const).map(input => next(phase, { input }))
    expect(end(outOfSync())).toEqual([
      { phase: { name: 'ended', why: 'abandoned' }, effects: ['put-back'] },
      { phase: { name: 'ended', why: 'replaced' }, effects: [] },
    ])
    expect(end(leaving({ commitOut: true }))).toEqual([
      { phase: { name: 'ended', why: 'left' }, effects: ['forget-pending', 'put-back'] },
      { phase: { name: 'ended', why: 'replaced' }, effects: ['forget-pending'] },
    ])
  })

  test('a group that goes on in another one is over, and what waits in it goes there', () => {
    const over = (...effects: GroupEffect[]) => ({ phase: { name: 'ended', why: 'succeeded' }, effects })
    const all: GroupPhase[] = [active, committing, broken(), outOfSync(), leaving(), requested]
    for (const phase of all)
      expect(next(phase, { input: 'succeeded' })).toEqual(
        over('forget-pending', 'withdraw-commit', 'put-back'),
      )
    // Nothing was said in it yet.
    expect(next(creating, { input: 'succeeded' })).toEqual(
      over('forget-pending', 'withdraw-commit', 'drop-intents'),
    )
    expect(next(ended, { input: 'succeeded' })).toEqual({ phase: ended, effects: [] })
  })

  test('a state that was lost after it was said that this account leaves is nobody’s any more', () => {
    expect(next(leaving(), { input: 'state-lost', askedLately: false })).toEqual({
      phase: leaving(),
      effects: [],
    })
  })

  test('what was not expected changes nothing', () => {
    for (const phase of [active, outOfSync(), ended])
      expect(next(phase, { input: 'commit-won' })).toEqual({ phase, effects: [] })
    expect(next(active, { input: 'joined' })).toEqual({ phase: active, effects: [] })
  })
})

/**
 * A group as this device keeps it, beside what a group needs to be whole: the state that it seals with, and the one
 * that waits for a commit. Carries out effects, and forbids what the table forbids.
 */
class ModelGroup {
  phase: GroupPhase
  hasState = true
  hasPending: boolean
  /** The commit of this device is among what is sent. */
  commitOut: boolean
  intents = 0
  texts = 0
  requests = 0
  saidLeft = 0
  toldLeft = 0

  constructor(phase: GroupPhase) {
    this.phase = phase
    this.hasPending = phase.name === 'creating'
    this.commitOut = this.hasPending
  }

  take(input: GroupInput): void {
    const { phase, effects } = next(this.phase, input)
    const before = this.phase
    this.phase = phase
    if (input.input === 'commit-made' && phase.name === 'committing') {
      this.hasPending = true
      this.commitOut = true
    }
    if (input.input === 'commit-won' && before !== phase) this.commitOut = false
    if (input.input === 'joined' && before !== phase) this.hasState = true
    for (const effect of effects) this.carryOut(effect)
    if (phase.name === 'out-of-sync') this.hasState = false
  }

  private carryOut(effect: GroupEffect): void {
    if (effect === 'forget-pending') this.hasPending = false
    if (effect === 'withdraw-commit') this.commitOut = false
    if (effect === 'drop-intents') this.intents = 0
    if (effect === 'fail-texts' || effect === 'put-back') this.texts = 0
    if (effect === 'ask-to-rejoin') this.requests++
    if (effect === 'tell-left') this.toldLeft++
  }

  /** Kept in the vault and read again: the phase is all that a start has. */
  restart(): void {
    this.phase = structuredClone(this.phase)
  }
}

const NAMES: readonly PhaseName[] = [
  ...['creating', 'active', 'committing', 'requested', 'out-of-sync', 'broken', 'leaving', 'ended'],
] as PhaseName[]

/** The faults of it, each in a word; nothing: it is whole. */
function faultsOf(group: ModelGroup): string[] {
  const { phase } = group
  const commits = phase.name === 'creating' || phase.name === 'committing'
  const isOver = phase.name === 'leaving' || phase.name === 'ended'
  // The group in which it goes on gets all that was to be committed.
  const goesOn =
    (phase.name === 'broken' && !phase.leaveDue) || (phase.name === 'ended' && phase.why === 'succeeded')
  // A text that was sealed for a key before it was replaced may be at the server already: nobody can tell.
  const mayKeepTexts = phase.name === 'ended' && phase.why === 'replaced'
  const needState = ['send', 'tell-devices', 'say-presence', 'commit', 'say-leave'] as const
  const faults: Record<string, boolean> = {
    'is in no phase of the table': !NAMES.includes(phase.name),
    'keeps a state for no commit, or has lost it':
      group.hasPending !== (commits || (phase.name === 'leaving' && phase.commitOut)),
    'commits twice': can(phase, 'commit') && group.hasPending,
    'seals or opens without a state': !group.hasState && needState.some(action => can(phase, action)),
    'keeps what it will not commit': !can(phase, 'intend') && !goesOn && group.intents > 0,
    'keeps texts that never go out': isOver && !mayKeepTexts && group.texts > 0,
    'is left and used': can(phase, 'send') && can(phase, 'say-leave'),
  }
  return Object.keys(faults).filter(fault => faults[fault])
}

type Step = GroupInput | 'restart' | 'intend' | 'type' | 'say-leave'

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...INPUTS) },
  { weight: 3, arbitrary: fc.constantFrom<Step>('restart', 'intend', 'type', 'say-leave') },
)

const sequence = fc.tuple(fc.boolean(), fc.array(step, { maxLength: 40 }))

/** Leads a group through these events, and shows it at the beginning and after each. */
function lead([begins, steps]: [boolean, Step[]], show: (group: ModelGroup) => void): void {
  const group = new ModelGroup(begins ? created() : joined())
  show(group)
  for (const each of steps) {
    const { phase } = group
    if (each === 'restart') group.restart()
    else if (each === 'intend') group.intents += can(phase, 'intend') ? 1 : 0
    else if (each === 'type') group.texts += can(phase, 'send') ? 1 : 0
    else if (each === 'say-leave') {
      if (can(phase, 'say-leave')) {
        group.saidLeft++
        group.take({ input: 'leave-sealed' })
      }
    } else if (isPossible(phase, each)) group.take(each)
    show(group)
  }
}

describe('any sequence of events', () => {
  test('leads to no phase that is not in the table, and does nothing that it forbids', () => {
    fc.assert(
      fc.property(sequence, events => {
        const faults = new Set<string>()
        lead(events, group => {
          for (const fault of faultsOf(group)) faults.add(fault)
        })
        expect([...faults]).toEqual([])
      }),
      { numRuns: 10_000 },
    )
  })

  test('is one of many that lead to every phase', () => {
    const named = (phase: GroupPhase) => JSON.stringify({ ...phase, why: undefined })
    const reached = new Set<string>()
    for (const events of fc.sample(sequence, { numRuns: 5000, seed: 1 }))
      lead(events, ({ phase }) => void reached.add(named(phase)))
    expect([...reached].sort()).toEqual(PHASES.map(named).sort())
  })

  test('an account that leaves is told so once for each time that it was in the group', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...INPUTS), { maxLength: 40 }), inputs => {
        const group = new ModelGroup(joined())
        let times = 1
        for (const input of inputs) {
          if (input.input === 'joined' && can(group.phase, 'join')) times++
          if (isPossible(group.phase, input)) group.take(input)
        }
        expect(group.toldLeft).toBeLessThanOrEqual(times)
      }),
      { numRuns: 2_000 },
    )
  })
})

/** Whether the code around the machine gives this input: what needs a state or a permission is asked for first. */
function isPossible(phase: GroupPhase, { input }: GroupInput): boolean {
  if (input === 'commit-made') return can(phase, 'commit')
  if (input === 'commit-applied' || input === 'removed') return can(phase, 'open')
  if (input === 'leave-sealed') return can(phase, 'say-leave')
  if (input === 'joined') return can(phase, 'join')
  return true
}
