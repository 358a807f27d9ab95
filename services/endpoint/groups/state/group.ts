// The phases of a group, eight of them, and what this device may do in each: the table MAY says it. transitions.ts has what
// leads from one to another.

/** How often this device asks at most, in ms: a server that alters what it delivers must not make it go round. */
export const ASK_AGAIN_MS = 60_000

/** Why a group is over. It may be joined again by a welcome, whatever the reason. */
export type EndReason =
  /** A commit took this device out. */
  | 'removed'
  /** This account left. */
  | 'left'
  /** The server does not take what this device sends to it, or its first commit was refused. */
  | 'abandoned'
  /** A person accepted another account key for the person whom it was with. */
  | 'replaced'
  /** The conversation goes on in another group. */
  | 'succeeded'

export type GroupPhase =
  /** Its first commit is on its way. */
  | { readonly name: 'creating' }
  | { readonly name: 'active' }
  /** A commit of this device is on its way: the state after it is kept beside the present one. */
  | { readonly name: 'committing' }
  /** A commit could not be opened. The device asks to be removed and added, or will when `askDue`. */
  | { readonly name: 'out-of-sync'; readonly askDue: boolean; readonly leaveDue: boolean }
  /**
   * A member has made a commit that nobody may take, and the server takes no other one: the conversation is to go on in
   * another group, which this device makes at `succeedAtMs` (ms since 1970), if nobody has by then.
   */
  | { readonly name: 'broken'; readonly succeedAtMs: number; readonly leaveDue: boolean }
  /** Somebody whom nobody has let in has added this device. Nothing of it goes out. */
  | { readonly name: 'requested' }
  /** This account leaves: that is still to be said when `leaveDue`. Members remove it by a commit. */
  | { readonly name: 'leaving'; readonly leaveDue: boolean; readonly commitOut: boolean }
  | { readonly name: 'ended'; readonly why: EndReason }

export type PhaseName = GroupPhase['name']

/** The actions in a group. */
export type GroupAction =
  /** Seal a text of a person. */
  | 'send'
  /** Seal what devices tell each other: receipts, requests to say something again, names, parts of history. */
  | 'tell-devices'
  /** Say that this device is here, which is not kept. */
  | 'say-presence'
  /** Make a commit. */
  | 'commit'
  /** Note a change that this device is to commit. */
  | 'intend'
  /** Say that this account leaves. */
  | 'say-leave'
  /** Open what others sealed or committed. */
  | 'open'
  /** Show what comes of it to a person. */
  | 'show'
  /** Let a commit of this device take effect. */
  | 'adopt'
  /** Ask to be removed and added again. */
  | 'ask-to-rejoin'
  /** Take a welcome to it. */
  | 'join'

const MAY: Readonly<Record<PhaseName, readonly GroupAction[]>> = {
  creating: ['intend', 'show', 'adopt'],
  active: ['send', 'tell-devices', 'say-presence', 'commit', 'intend', 'open', 'show'],
  committing: ['send', 'tell-devices', 'say-presence', 'intend', 'open', 'show', 'adopt'],
  'out-of-sync': ['show', 'ask-to-rejoin', 'join'],
  broken: ['open', 'show', 'join'],
  requested: ['open', 'show'],
  leaving: ['open', 'say-leave', 'adopt'],
  ended: ['join', 'open', 'show'],
}

export const GROUP_ACTIONS = [...new Set(Object.values(MAY).flat())]

/** Whether this can be done in a group of this phase. */
export function can(phase: GroupPhase, action: GroupAction): boolean {
  if (!MAY[phase.name].includes(action)) return false
  if (action === 'say-leave') return phase.name === 'leaving' && phase.leaveDue
  if (action === 'adopt') return phase.name !== 'leaving' || phase.commitOut
  if (action === 'show' || action === 'open') return !hasLeft(phase) || phase.name === 'leaving'
  return true
}

/** This account has left the group, or a person goes on in another one: what still comes is nobody's to read. */
export function hasLeft(phase: GroupPhase): boolean {
  if (phase.name === 'out-of-sync' || phase.name === 'broken') return phase.leaveDue
  return (
    phase.name === 'leaving' || (phase.name === 'ended' && (phase.why === 'left' || phase.why === 'replaced'))
  )
}

/** This account is in the group, whether or not this device can do something in it now. */
export const isIn = (phase: GroupPhase): boolean =>
  phase.name !== 'creating' && phase.name !== 'requested' && phase.name !== 'ended' && !hasLeft(phase)

const CREATING: GroupPhase = { name: 'creating' }
export const ACTIVE: GroupPhase = { name: 'active' }
export const REQUESTED: GroupPhase = { name: 'requested' }

/** How a group begins: with a first commit of this device, or by a welcome. */
export const created = (): GroupPhase => CREATING
export const joined = (): GroupPhase => ACTIVE
