// The intents of this device (intents.ts): kept in memory as well, since all of them are looked at again and again.

import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { type Intent, IntentSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import type { Batch, Reader } from '../vault/records.js'
import type { LiveGroup } from './groups.js'

export interface KnownIntent {
  id: bigint
  intent: Intent
}

type InGroup = Pick<LiveGroup, 'number'>

export interface IntentList {
  /** Of all groups, in the order in which they came up in each. */
  all(): (KnownIntent & { group: bigint })[]
  of(group: InGroup): KnownIntent[]
  get(group: InGroup, id: bigint): Intent | undefined
  add(batch: Batch, group: InGroup, intent: MessageInitShape<typeof IntentSchema>): void
  /** Saves a change of the intent. */
  save(batch: Batch, group: InGroup, known: KnownIntent): void
  drop(batch: Batch, group: InGroup, id: bigint): void
  dropAll(batch: Batch, group: InGroup): void
  reload(): void
}

export function openIntentList(records: Reader): IntentList {
  const groups = new Map<bigint, Map<bigint, Intent>>()
  const reload = () => {
    groups.clear()
    for (const { key, record } of records.list('intents')) inGroup(key.group).set(key.id, record)
  }
  const inGroup = (group: bigint): Map<bigint, Intent> => {
    const known = groups.get(group) ?? new Map<bigint, Intent>()
    groups.set(group, known)
    return known
  }
  reload()

  const of = ({ number }: InGroup) => [...(groups.get(number) ?? [])].map(([id, intent]) => ({ id, intent }))
  const save = (batch: Batch, { number }: InGroup, { id, intent }: KnownIntent) => {
    inGroup(number).set(id, intent)
    batch.put('intents', { group: number, id }, intent)
  }
  return {
    all: () =>
      [...groups.keys()].flatMap(number => of({ number }).map(known => ({ ...known, group: number }))),
    of,
    get: ({ number }, id) => groups.get(number)?.get(id),
    add(batch, group, init) {
      const last = [...inGroup(group.number).keys()].at(-1) ?? 0n
      save(batch, group, { id: last + 1n, intent: create(IntentSchema, init) })
    },
    save,
    drop(batch, { number }, id) {
      groups.get(number)?.delete(id)
      batch.delete('intents', { group: number, id })
    },
    dropAll(batch, { number }) {
      groups.delete(number)
      batch.deleteGroup('intents', number)
    },
    reload,
  }
}
