// A check that takes all memory, as a welcome that finds a leak in the library would.

export function validateCredential(): boolean {
  const hoard: string[][] = []
  for (;;) hoard.push(new Array<string>(1_000_000).fill(`${hoard.length}`))
}
