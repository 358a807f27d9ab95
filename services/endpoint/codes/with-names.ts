// People are named by their keys inside, and by their names at the view.

import type { AccountKey } from '../ids.js'

/** Names in the places of keys. */
type Named<T> = T extends AccountKey ? string : T extends readonly (infer Item)[] ? Named<Item>[] : T
export type WithNames<T> = T extends object ? { [Field in keyof T]: Named<T[Field]> } : T

/** With the names of those whose keys are in its fields; of an empty one ''. */
export function withNames<T extends object>(said: T, nameOf: (key: AccountKey) => string): WithNames<T> {
  const named = (value: unknown): unknown => {
    if (value instanceof Uint8Array) return value.length > 0 ? nameOf(value as AccountKey) : ''
    return Array.isArray(value) ? value.map(named) : value
  }
  return Object.fromEntries(
    Object.entries(said).map(([field, value]) => [field, named(value)]),
  ) as WithNames<T>
}
