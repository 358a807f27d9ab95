// The groups in which one room has gone on, each in place of another one. All members see the order in which the server has
// those that go on from one and the same (Successor in proto/parley/v1/chat.proto): the last of them that is right is used.

import { equalBytes } from '../../../protocol/bytes.js'
import { takesPlaceOf } from '../../../protocol/conversation/successor.js'
import { type AccountKey, type GroupNumber, isKey, keyText } from '../../ids.js'
import type { GroupRecord, LiveGroup } from './groups.js'
import { type Held, hasNotBegun } from './held.js'

/** A group, as far as its place is concerned. */
export type Name = Pick<GroupRecord, 'conversationId' | 'incarnation'>

interface Step {
  from: GroupNumber
  /** In the order of that one. */
  place: number
}

const placeIn = ({ successors }: GroupRecord, { conversationId }: Name): number =>
  successors.findIndex(each => equalBytes(each.conversationId, conversationId))

/** The group in whose order this one stands. */
const groupBefore = (known: readonly LiveGroup[], group: Name): LiveGroup | undefined =>
  known.find(({ record }) => record.incarnation === group.incarnation - 1 && placeIn(record, group) >= 0)

/** The steps to a group from the first one that it is known to go on from, through others. */
function wayTo(known: readonly LiveGroup[], group: Name): Step[] {
  const before = groupBefore(known, group)
  if (!before) return []
  return [...wayTo(known, before.record), { from: before.number, place: placeIn(before.record, group) }]
}

/**
 * The accounts that have made groups which stand directly before this one in the same order, and that this device was never
 * in.
 */
export function makersBefore(known: readonly LiveGroup[], group: Name): AccountKey[] {
  const successors = groupBefore(known, group)?.record.successors ?? []
  const place = successors.findIndex(each => equalBytes(each.conversationId, group.conversationId))
  const isKnown = ({ conversationId }: (typeof successors)[number]) =>
    known.some(({ record }) => equalBytes(record.conversationId, conversationId))
  const before = successors.slice(0, Math.max(place, 0))
  const makers = before.slice(before.findLastIndex(isKnown) + 1).flatMap(({ by }) => (isKey(by) ? [by] : []))
  return [...new Map(makers.map(key => [keyText(key), key])).values()]
}

/** Whether the group goes on from that one, through others perhaps. */
export const goesOnFromGroup = (known: readonly LiveGroup[], group: Name, { number }: LiveGroup): boolean =>
  wayTo(known, group).some(({ from }) => from === number)

/** Whether the server has put the group into the order of one that is known here. */
export const isListed = (known: readonly LiveGroup[], group: Name): boolean => wayTo(known, group).length > 0

/**
 * Which of two groups of a room stands further back in the order of the last one that both go on from, or stands in one where
 * the other one does in none. undefined: one goes on from the other, or nothing is known of it.
 */
export function laterOf<G extends Name>(known: readonly LiveGroup[], one: G, other: G): G | undefined {
  const [way, beside] = [wayTo(known, one), wayTo(known, other)]
  if (isPast(known, other, way)) return one
  if (isPast(known, one, beside)) return other
  const parting = way.findIndex((step, at) => beside[at] !== undefined && beside[at].place !== step.place)
  if (parting < 0 || way[parting]!.from !== beside[parting]!.from) return undefined
  return way[parting]!.place > beside[parting]!.place ? one : other
}

/**
 * Whether this device was led to a group past the first one of the way to another: nothing that it was shown says that the
 * others are there, whereas all of them see that way.
 */
function isPast(known: readonly LiveGroup[], group: Name, way: readonly Step[]): boolean {
  const first = known.find(({ number }) => number === way[0]?.from)
  return first !== undefined && !isListed(known, group) && group.incarnation > first.record.incarnation
}

/** A group that has come, and all that it holds. */
export interface Coming extends Name {
  held: Held
}

/** The group in use that stays so beside one that has come, of those that part from it. */
export function rivalOf(known: readonly LiveGroup[], coming: Coming): LiveGroup | undefined {
  return known.find(other => {
    const later = isInQuestion(other) ? laterOf<Name>(known, coming, other.record) : undefined
    if (!later) return false
    if (other.phase.name === 'ended' && other.phase.why !== 'abandoned') return true
    return !takesPlaceOf(other.held, coming.held, { isLater: later === coming })
  })
}

/** Not one that another one has taken the place of, nor one in which nothing ever was. */
const isInQuestion = (group: LiveGroup): boolean =>
  group.phase.name !== 'creating' &&
  !(group.phase.name === 'ended' && (group.phase.why === 'succeeded' || hasNotBegun(group)))
