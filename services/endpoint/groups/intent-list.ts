// The intents of this device (intents.ts): what it is to commit, group by group.

import type { GroupNumber, IntentNumber } from '../ids.js'
import {
  inUnit,
  nextId,
  type Reader,
  type RecordInit,
  type RecordOf,
  type Transaction,
} from '../vault/records.js'
import type { LiveGroup } from './state/groups.js'

export type Intent = RecordOf<'intents'>

export interface KnownIntent {
  id: IntentNumber
  intent: Intent
}

type InGroup = Pick<LiveGroup, 'number'>

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class IntentList {
  constructor(private readonly reader: Reader) {}

  /** Of all groups, in the order in which they came up in each. */
  all(): (KnownIntent & { group: GroupNumber })[] {
    return this.reader
      .list('intents')
      .map(({ key, record }) => ({ group: key.group, id: key.id, intent: record }))
  }

  of({ number }: InGroup): KnownIntent[] {
    const rows = this.reader.list('intents', { group: number })
    return rows.map(({ key, record }) => ({ id: key.id, intent: record }))
  }

  get({ number }: InGroup, id: IntentNumber): Intent | undefined {
    return this.reader.get('intents', { group: number, id })
  }

  add(tx: Transaction, { number }: InGroup, intent: RecordInit<'intents'>): void {
    inUnit(this.reader, tx)
    tx.put('intents', { group: number, id: nextId(tx, 'intents', number) }, intent)
  }

  /** Another one in its place. */
  save(
    tx: Transaction,
    { number }: InGroup,
    { id, intent }: { id: IntentNumber; intent: RecordInit<'intents'> },
  ): void {
    inUnit(this.reader, tx)
    tx.put('intents', { group: number, id }, intent)
  }

  drop(tx: Transaction, { number }: InGroup, id: IntentNumber): void {
    inUnit(this.reader, tx)
    tx.delete('intents', { group: number, id })
  }

  dropAll(tx: Transaction, { number }: InGroup): void {
    inUnit(this.reader, tx)
    for (const key of tx.keys('intents', { group: number })) tx.delete('intents', key)
  }
}
