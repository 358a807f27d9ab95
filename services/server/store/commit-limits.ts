// How many commits there may be, and how many successors. Of commits a store keeps a moment: that from which on as many
// may come at once as at the beginning; of those of a conversation also one for each account, so that none can keep the
// others out. Of successors it keeps the moments of the last minute, by account: a limit over all accounts could be used up by
// one that keeps the others from going on, and one of each device by an account that has more of them than the others.

const MINUTE_MS = 60_000
/** The part of a conversation's commits, rounded up, that one account may make. */
const ACCOUNT_PART = 0.5

/** The conversations that were created in the place of another one. */
export interface Successors {
  /** The id of the last one, and the sequence of its record in the order of the old one. */
  readonly last: Uint8Array
  readonly sequence: number
  /** When each account made its last one, by the account's key; of those that have to wait still. ms since 1970. */
  readonly madeAt: ReadonlyMap<number, number>
}

/** When the commits of a conversation are all free again, as commitAt reckons; ms since 1970. */
export interface CommitsFreeAt {
  readonly all: number
  /** The part of each account that has made one lately, by the account's key. */
  readonly accounts: ReadonlyMap<number, number>
}

export const NO_COMMITS: CommitsFreeAt = { all: 0, accounts: new Map() }

type CommitOutcome<FreeAt> = { freeAt: FreeAt } | { waitMs: number }

/**
 * A commit now, where `perMinute` may come at once and are free again evenly over a minute: the moment at which all are
 * free again after it, or how long it has to wait. All in ms.
 */
export function commitAt(
  freeAt: number,
  { now, perMinute }: { now: number; perMinute: number },
): CommitOutcome<number> {
  // It is never further away than a minute, unless the clock was set back since: then all are free.
  const begun = freeAt > now + MINUTE_MS ? now : Math.max(freeAt, now)
  const next = begun + MINUTE_MS / perMinute
  const waitMs = Math.ceil(next - now - MINUTE_MS)
  return waitMs > 0 ? { waitMs } : { freeAt: Math.ceil(next) }
}

/**
 * A commit of an account now, in a conversation that may have `perMinute`. An account that has made none lately may make
 * one also when the others have used up all: two accounts could otherwise keep everybody else out for good.
 */
export function commitIn(
  before: CommitsFreeAt,
  { account, now, perMinute }: { account: number; now: number; perMinute: number },
): CommitOutcome<CommitsFreeAt> {
  const ownBefore = before.accounts.get(account) ?? 0
  const own = commitAt(ownBefore, { now, perMinute: Math.ceil(perMinute * ACCOUNT_PART) })
  const all = commitAt(before.all, { now, perMinute })
  if ('waitMs' in own || ('waitMs' in all && isRecent(ownBefore, now)))
    return { waitMs: longestWait(own, all) }
  const recent = [...before.accounts].filter(([, freeAt]) => isRecent(freeAt, now))
  const accounts = new Map([...recent, [account, own.freeAt]])
  return { freeAt: { all: 'waitMs' in all ? before.all : all.freeAt, accounts } }
}

/** In ms; 0: none of them has to wait. */
export const longestWait = (...outcomes: readonly CommitOutcome<unknown>[]): number =>
  Math.max(...outcomes.map(each => ('waitMs' in each ? each.waitMs : 0)))

/**
 * Whether an account has made a commit lately. It has until its part has been free for a minute, which is at most two
 * minutes after its last one. A clock that was set back keeps nobody out.
 */
const isRecent = (freeAt: number, now: number): boolean =>
  now - MINUTE_MS < freeAt && freeAt <= now + MINUTE_MS

/** How long an account has to wait before it may make another successor of the same conversation, in ms; 0: it may now. */
export function successorWait(
  before: Successors | undefined,
  { account, now }: { account: number; now: number },
): number {
  const madeAt = before?.madeAt.get(account)
  return madeAt === undefined ? 0 : waitAfter(madeAt, now)
}

/** The successors with one more, which `account` made. */
export function withSuccessor(
  before: Successors | undefined,
  { id, sequence, account, now }: { id: Uint8Array; sequence: number; account: number; now: number },
): Successors {
  const waiting = [...(before?.madeAt ?? [])].filter(([, madeAt]) => waitAfter(madeAt, now) > 0)
  const madeAt = new Map([...waiting, [account, now]])
  return { last: id.slice(), sequence, madeAt }
}

/** A clock that was set back keeps nobody out. */
const waitAfter = (madeAt: number, now: number): number =>
  now < madeAt ? 0 : Math.max(0, madeAt + MINUTE_MS - now)
