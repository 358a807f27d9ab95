import { setTimeout as delay } from 'node:timers/promises'

/** The value that this part of the sample is not above. */
export function percentile(sample: readonly number[], part: number): number {
  const sorted = [...sample].sort((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

export const median = (sample: readonly number[]) => percentile(sample, 0.5)

/** Repeats something for so long and returns how often a second it was done. */
export async function rate(seconds: number, once: () => Promise<unknown>): Promise<number> {
  const begin = performance.now()
  const end = begin + seconds * 1000
  let count = 0
  while (performance.now() < end) {
    await once()
    count += 1
  }
  return (count * 1000) / (performance.now() - begin)
}

/** How much a count grew a second, after a time to warm up. */
export async function growth(count: () => number, { seconds, warmUp }: { seconds: number; warmUp: number }) {
  await delay(warmUp * 1000)
  const [first, begin] = [count(), performance.now()]
  await delay(seconds * 1000)
  return ((count() - first) * 1000) / (performance.now() - begin)
}

/** Runs all jobs, so many at a time, and returns how many a second were done. */
export async function drain(jobs: readonly (() => Promise<unknown>)[], atOnce: number): Promise<number> {
  const begin = performance.now()
  let next = 0
  const lane = async () => {
    for (let job = jobs[next++]; job; job = jobs[next++]) await job()
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return (jobs.length * 1000) / (performance.now() - begin)
}

/** A clock in ms that all processes of this machine share. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
