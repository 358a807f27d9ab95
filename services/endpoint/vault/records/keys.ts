// The order of keys, and parts of it.

import type { Key, Range } from '../table.js'

/** By group, then by id. */
export function compareKeys(a: Key, b: Key): number {
  if (a.group !== b.group) return a.group < b.group ? -1 : 1
  if (a.id === b.id) return 0
  return a.id < b.id ? -1 : 1
}

export function isWithin({ group, id }: Key, range: Range): boolean {
  if (range.group !== undefined && range.group !== group) return false
  if (range.after !== undefined && id <= range.after) return false
  return range.before === undefined || id < range.before
}

/** Keys, each once, in their order. */
export class SortedKeys {
  readonly #keys: Key[]

  /** `keys`: in their order. */
  constructor(keys: Iterable<Key> = []) {
    this.#keys = [...keys]
  }

  add(key: Key): void {
    const place = this.#place(key)
    const present = this.#keys[place]
    if (!present || compareKeys(present, key) !== 0) this.#keys.splice(place, 0, key)
  }

  delete(key: Key): void {
    const place = this.#place(key)
    const present = this.#keys[place]
    if (present && compareKeys(present, key) === 0) this.#keys.splice(place, 1)
  }

  /** A key that changes meanwhile may come or not. */
  *within(range: Range): Generator<Key> {
    const keys = range.group === undefined ? [...this.#keys] : this.#ofGroup(range.group)
    if (range.reverse) keys.reverse()
    let left = range.limit ?? keys.length
    for (const key of keys) {
      if (left <= 0) return
      if (!isWithin(key, range)) continue
      left--
      yield key
    }
  }

  #ofGroup(group: bigint): Key[] {
    const from = this.#place({ group, id: -(2n ** 63n) })
    let to = from
    while (this.#keys[to]?.group === group) to++
    return this.#keys.slice(from, to)
  }

  /** Where the key stands, or would stand. */
  #place(key: Key): number {
    let [from, to] = [0, this.#keys.length]
    while (from < to) {
      const middle = (from + to) >>> 1
      if (compareKeys(this.#keys[middle]!, key) < 0) from = middle + 1
      else to = middle
    }
    return from
  }
}
