// Chance that a seed repeats: which trouble comes when, and who says what to whom.

export interface Chance {
  /** 0 up to, not including, `below`. */
  whole(below: number): number
  /** From `from` up to, not including, `to`. */
  between(from: number, to: number): number
  /** undefined: there is none. */
  pick<T>(of: readonly T[]): T | undefined
  /** Picks each in its share: the greater the weight, the more often. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K
  shuffled<T>(of: readonly T[]): T[]
}

/** Mulberry32: 32 bits of state, good enough to choose by. */
export function chance(seed: number): Chance {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const whole = (below: number) => Math.floor(next() * below)
  return {
    whole,
    between: (from, to) => from + next() * (to - from),
    pick: of => of[whole(of.length)],
    weighted(weights) {
      const rows = Object.entries(weights) as [keyof typeof weights, number][]
      let at = next() * rows.reduce((sum, [, weight]) => sum + weight, 0)
      const found = rows.find(([, weight]) => {
        at -= weight
        return at < 0
      })
      return (found ?? rows[0]!)[0]
    },
    shuffled: of =>
      of
        .map(value => ({ value, key: next() }))
        .sort((a, b) => a.key - b.key)
        .map(({ value }) => value),
  }
}
