// The state machine of a group: the table NEXT says to which phase each input leads, and what is to be done then. An input
// that a phase does not expect (a server can send anything, and a restart can repeat anything) changes nothing.

import { ACTIVE, type EndReason, type GroupPhase, type PhaseName, REQUESTED } from './group.js'

export type GroupInput =
  /** This device made a commit, which is saved and waits to be sent. */
  | { readonly input: 'commit-made' }
  /** The commit of this device stands at its place in the order. */
  | { readonly input: 'commit-won' }
  /** The commit of this device will not stand in the order: another one won, or the server refuses it. */
  | { readonly input: 'commit-dropped' }
  /** A commit of another member was opened and applied. */
  | { readonly input: 'commit-applied' }
  /** A commit of another member took this device out. */
  | { readonly input: 'removed' }
  /** The state is of no use: a commit was missed or could not be opened. `askedLately`: it must wait to ask. */
  | { readonly input: 'state-lost'; readonly askedLately: boolean }
  /** A device that has to be taken in again looks whether it may ask for it now. */
  | { readonly input: 'ask'; readonly askedLately: boolean }
  /** No commit that could be taken is possible any more. `succeedAtMs`: as the phase has it. */
  | { readonly input: 'broken'; readonly succeedAtMs: number }
  /** The conversation goes on in another group, which this device is in. */
  | { readonly input: 'succeeded' }
  /** A welcome was opened: this device is in the group (again). */
  | { readonly input: 'joined' }
  /** It is somebody's who has to be let in first. */
  | { readonly input: 'held' }
  /** They are let in. */
  | { readonly input: 'admitted' }
  /** They are not, and never will be by this. */
  | { readonly input: 'declined' }
  /** A person leaves, on this device; `alone`: nobody else is in it. */
  | { readonly input: 'leave'; readonly alone: boolean }
  /** Another device of this account has said that the account leaves. */
  | { readonly input: 'left-elsewhere' }
  /** That this account leaves was sealed. */
  | { readonly input: 'leave-sealed' }
  /** The server did not take that this account leaves: it is to be said again. */
  | { readonly input: 'leave-put-back' }
  /** The server takes nothing for this group from this device any more. */
  | { readonly input: 'abandoned' }
  /** A person accepted another key: what is said goes to another group. */
  | { readonly input: 'replaced' }

type InputName = GroupInput['input']

/** The effects of a transition: carried out in this order, in the same unit of work. */
export type GroupEffect =
  /** The state that was kept for the commit on its way goes. */
  | 'forget-pending'
  /** The commit of this device that the server does not have is taken back from what is to be sent. */
  | 'withdraw-commit'
  /** Changes that this device was to commit go. */
  | 'drop-intents'
  /** Texts that wait to be sealed, or were sealed and not taken, never go out in this conversation, if it is a room. */
  | 'fail-texts'
  /** Content that was sealed and not taken waits for the next group of the conversation; for a room it fails. */
  | 'put-back'
  /** The device asks to be removed and added again. */
  | 'ask-to-rejoin'
  /** A person reads that the conversation can be used. */
  | 'tell-ready'
  /** A person reads that they have left. */
  | 'tell-left'
  /** A person reads that somebody removed them. */
  | 'tell-removed'

interface Transition {
  readonly phase: GroupPhase
  readonly effects: readonly GroupEffect[]
}

type PhaseOf<N extends PhaseName> = Extract<GroupPhase, { name: N }>
type InputOf<I extends InputName> = Extract<GroupInput, { input: I }>
type Step<N extends PhaseName, I extends InputName> = (
  phase: PhaseOf<N>,
  input: InputOf<I>,
) => Transition | undefined
type Steps<N extends PhaseName> = { readonly [I in InputName]?: Step<N, I> }

const COMMITTING: GroupPhase = { name: 'committing' }

const to = (phase: GroupPhase, ...effects: GroupEffect[]): Transition => ({ phase, effects })
const ended = (why: EndReason, ...effects: GroupEffect[]) => to({ name: 'ended', why }, ...effects)

/** Leaving ends a group at once where nobody is left who could remove this device. */
const LEFT = ['drop-intents', 'fail-texts', 'tell-left'] as const
const GONE = ['forget-pending', 'withdraw-commit', 'drop-intents'] as const

const outOfSync = (askedLately: boolean, leaveDue: boolean) =>
  to(
    { name: 'out-of-sync', askDue: askedLately, leaveDue },
    'drop-intents',
    'forget-pending',
    'withdraw-commit',
    ...(askedLately ? [] : (['ask-to-rejoin'] as const)),
  )

const broken = (succeedAtMs: number, leaveDue: boolean) =>
  to({ name: 'broken', succeedAtMs, leaveDue }, 'forget-pending', 'withdraw-commit', 'put-back')
const SUCCEEDED = ended('succeeded', 'forget-pending', 'withdraw-commit', 'put-back')

const USABLE = {
  broken: (_: GroupPhase, { succeedAtMs }: InputOf<'broken'>) => broken(succeedAtMs, false),
  succeeded: () => SUCCEEDED,
  removed: () => ended('removed', 'forget-pending', 'drop-intents', 'fail-texts', 'tell-removed'),
  'state-lost': (_: GroupPhase, { askedLately }: InputOf<'state-lost'>) => outOfSync(askedLately, false),
  abandoned: () => ended('abandoned', 'forget-pending', 'drop-intents', 'put-back'),
  replaced: () => ended('replaced', 'forget-pending', 'drop-intents'),
}

/** Where each input leads from each phase; what is not here changes nothing. */
const NEXT: { readonly [N in PhaseName]: Steps<N> } = {
  creating: {
    succeeded: () => ended('succeeded', ...GONE),
    'commit-won': () => to(ACTIVE, 'forget-pending', 'tell-ready'),
    'commit-dropped': () => ended('abandoned', ...GONE, 'put-back'),
    leave: () => ended('left', ...GONE, 'fail-texts', 'tell-left'),
    abandoned: () => ended('abandoned', ...GONE, 'put-back'),
    replaced: () => ended('replaced', ...GONE),
  },
  active: {
    ...USABLE,
    'commit-made': () => to(COMMITTING),
    leave: (_, { alone }) =>
      alone ? ended('left', ...LEFT) : to({ name: 'leaving', leaveDue: true, commitOut: false }, ...LEFT),
    'left-elsewhere': () => to({ name: 'leaving', leaveDue: false, commitOut: false }, ...LEFT),
    held: () => to(REQUESTED, 'drop-intents'),
  },
  broken: {
    broken: (phase, { succeedAtMs }) => to({ ...phase, succeedAtMs }),
    succeeded: () => SUCCEEDED,
    joined: ({ leaveDue }) => to(leaveDue ? { name: 'leaving', leaveDue: true, commitOut: false } : ACTIVE),
    leave: phase => (phase.leaveDue ? undefined : to({ ...phase, leaveDue: true }, ...LEFT)),
    // One who breaks a group may have taken this device off the server's roster by it.
    abandoned: phase => to(phase, 'put-back'),
    replaced: () => ended('replaced', 'drop-intents'),
  },
  requested: {
    succeeded: () => SUCCEEDED,
    admitted: () => to(ACTIVE),
    declined: () => ended('left', 'fail-texts'),
    removed: () => ended('removed', 'fail-texts'),
    abandoned: () => ended('abandoned', 'put-back'),
    replaced: () => ended('replaced'),
  },
  committing: {
    ...USABLE,
    'commit-won': () => to(ACTIVE, 'forget-pending'),
    'commit-dropped': () => to(ACTIVE, 'forget-pending', 'withdraw-commit'),
    // The rejection of the commit of this device follows; what it was for comes up again.
    'commit-applied': () => to(ACTIVE, 'forget-pending'),
    leave: (_, { alone }) =>
      alone
        ? ended('left', ...GONE, 'fail-texts', 'tell-left')
        : to({ name: 'leaving', leaveDue: true, commitOut: true }, ...LEFT),
    'left-elsewhere': () => to({ name: 'leaving', leaveDue: false, commitOut: true }, ...LEFT),
  },
  'out-of-sync': {
    'state-lost': (phase, { askedLately }) => asked(phase, askedLately),
    ask: (phase, { askedLately }) => asked(phase, askedLately),
    // A device that left without the state is in the group again only to say that it leaves.
    joined: ({ leaveDue }) => to(leaveDue ? { name: 'leaving', leaveDue: true, commitOut: false } : ACTIVE),
    leave: phase => (phase.leaveDue ? undefined : to({ ...phase, leaveDue: true }, ...LEFT)),
    broken: ({ leaveDue }, { succeedAtMs }) => broken(succeedAtMs, leaveDue),
    succeeded: () => SUCCEEDED,
    abandoned: () => ended('abandoned', 'put-back'),
    replaced: () => ended('replaced'),
  },
  leaving: {
    broken: (_, { succeedAtMs }) => broken(succeedAtMs, true),
    succeeded: () => SUCCEEDED,
    'commit-won': phase => to({ ...phase, commitOut: false }, 'forget-pending'),
    'commit-dropped': phase => to({ ...phase, commitOut: false }, 'forget-pending', 'withdraw-commit'),
    'commit-applied': phase => to({ ...phase, commitOut: false }, 'forget-pending'),
    'leave-sealed': phase => to({ ...phase, leaveDue: false }),
    'leave-put-back': phase => to({ ...phase, leaveDue: true }),
    // The word that is still to be said needs the state; the others carry out the one that was said.
    'state-lost': ({ leaveDue }, { askedLately }) => (leaveDue ? outOfSync(askedLately, true) : undefined),
    removed: () => ended('left', 'forget-pending'),
    abandoned: () => ended('left', 'forget-pending', 'put-back'),
    replaced: () => ended('replaced', 'forget-pending'),
  },
  ended: {
    joined: () => to(ACTIVE),
    // The server does not take any more what was sealed before the group ended.
    abandoned: phase => to(phase, 'put-back'),
  },
}

/** A request is out already, or may be made: at most one in a while, or a server could make the device go round. */
const asked = (phase: PhaseOf<'out-of-sync'>, askedLately: boolean): Transition | undefined =>
  askedLately ? undefined : to({ ...phase, askDue: false }, 'ask-to-rejoin')

/** The phase after an input, and what is to be done. An unexpected input leaves the phase as it is, without effects. */
export function next(phase: GroupPhase, input: GroupInput): Transition {
  // Each row of the table takes the phase that it stands under, which the compiler cannot follow through two look-ups.
  const row = NEXT[phase.name] as Partial<
    Record<InputName, (phase: GroupPhase, input: GroupInput) => Transition | undefined>
  >
  return row[input.input]?.(phase, input) ?? { phase, effects: [] }
}
