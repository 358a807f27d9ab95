/** A cache that forgets what was used least recently once its entries weigh more than `capacity`. */
export interface Lru<K, V> {
  get(key: K): V | undefined
  set(key: K, value: V): void
  delete(key: K): void
  clear(): void
}

/** `weigh` is asked when an entry is set and has to answer the same until it is set again or forgotten. */
export function createLru<K, V>(options: {
  capacity: number
  weigh?: (value: V) => number
  forgotten?: (value: V) => void
}): Lru<K, V> {
  const entries = new Map<K, { value: V; weight: number }>()
  let total = 0

  function remove(key: K): void {
    const entry = entries.get(key)
    if (!entry) return
    entries.delete(key)
    total -= entry.weight
    options.forgotten?.(entry.value)
  }

  return {
    get: key => {
      const entry = entries.get(key)
      if (!entry) return undefined
      entries.delete(key)
      entries.set(key, entry)
      return entry.value
    },
    set: (key, value) => {
      remove(key)
      const weight = options.weigh?.(value) ?? 1
      entries.set(key, { value, weight })
      total += weight
      for (const oldest of entries.keys()) {
        if (total <= options.capacity || oldest === key) break
        remove(oldest)
      }
    },
    delete: remove,
    clear: () => {
      for (const key of [...entries.keys()]) remove(key)
    },
  }
}
