/** The place in a sorted array of the first item that does not stand before what is looked for. */
export function placeIn<T>(sorted: readonly T[], standsBefore: (item: T) => boolean): number {
  let from = 0
  let to = sorted.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (standsBefore(sorted[middle]!)) from = middle + 1
    else to = middle
  }
  return from
}
