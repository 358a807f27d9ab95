// Contents that devices say by themselves and that cannot be sealed before this device has fresh keys in their group.

import type { LiveGroup } from '../../groups/state/groups.js'
import type { GroupNumber } from '../../ids.js'
import { nextId, type Reader, type Transaction } from '../../vault/records.js'
import { type Counted, counted } from './format.js'

/** More of one group are not held: they are answers to others, who can do without. */
export const HELD_CONTENTS = 64

/** `content`: encoded, without a count. */
export function hold(tx: Transaction, { number }: Pick<LiveGroup, 'number'>, content: Uint8Array): void {
  if (tx.keys('held', { group: number }).length >= HELD_CONTENTS) return
  tx.put('held', { group: number, id: nextId(tx, 'held', number) }, { content })
}

/** The groups in which something is held. */
export const holdingGroups = (reader: Reader): GroupNumber[] => [
  ...new Set(reader.keys('held').map(({ group }) => group)),
]

/** Something of it waits already. */
export const isHolding = (reader: Reader, { number }: Pick<LiveGroup, 'number'>): boolean =>
  reader.keys('held', { group: number, limit: 1 }).length > 0

/** The first one that is held in this group, which is held no more. */
export function takeHeld(tx: Transaction, { number }: Pick<LiveGroup, 'number'>): Counted | undefined {
  const [first] = tx.list('held', { group: number, limit: 1 })
  if (!first) return undefined
  tx.delete('held', first.key)
  return counted(first.record.content)
}

/** Nothing of it will be sealed. */
export const dropHeld = (tx: Transaction, group: GroupNumber): void => tx.deleteGroup('held', group)
